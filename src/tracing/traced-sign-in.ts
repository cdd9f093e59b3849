import type { SignIn } from '../grants/sign-in.js';
import type { Tracer } from './tracer.js';

/** The same sign-in, with a span for each of its parts. */
export function tracedSignIn(signIn: SignIn, tracer: Tracer): SignIn {
  if (!tracer.on) return signIn;
  return {
    ...signIn,
    start: (request) => {
      const attributes = { 'fullscript_connect.registration': request.registration.id };
      return tracer.span({ name: 'sign-in start', attributes }, () => signIn.start(request));
    },
    finish: (callback) => tracer.span({ name: 'sign-in finish' }, () => signIn.finish(callback)),
    admit: (key) => tracer.span({ name: 'sign-in admit' }, () => signIn.admit(key)),
  };
}
