/** What the way out of an error is, for a person in front of a page. */
export type WayForward =
  'start_again' | 'sign_in_again' | 'reconnect' | 'retry' | 'renew' | 'home' | 'operator' | 'ask';

/** One row: a stable code, its status, and what a person is told. */
export interface ErrorEntry {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly way: WayForward;
}

const SETUP =
  'Fullscript did not accept how this server is set up. The people who run it have to look at it.';

function setup(title: string): ErrorEntry {
  return { status: 502, title, detail: SETUP, way: 'operator' };
}

/** What a refresh may answer: whoever tries again by hand is let through the back-off once. */
function refresh(status: number, title: string, detail: string): ErrorEntry {
  return { status, title, detail, way: 'renew' };
}

function upstream(status: number, title: string, detail: string): ErrorEntry {
  return { status, title, detail, way: 'retry' };
}

const signIn = {
  state_missing: {
    status: 400,
    title: 'This link is incomplete',
    detail: 'The answer from Fullscript arrived without its sign-in number. Please start again.',
    way: 'start_again',
  },
  state_unknown: {
    status: 400,
    title: 'This sign-in is no longer open',
    detail:
      'It took too long, was finished already, or was started in another browser. Nothing has changed; please start again.',
    way: 'start_again',
  },
  state_answered: {
    status: 400,
    title: 'This sign-in has been answered before',
    detail:
      'This browser came back from Fullscript twice, and the first answer counts; the second one has changed nothing here. If you are not signed in, or want to sign in with the account you have chosen now, start again.',
    way: 'sign_in_again',
  },
  parameter_duplicated: {
    status: 400,
    title: 'This link is damaged',
    detail: 'The answer from Fullscript contained something twice. Please start again.',
    way: 'start_again',
  },
  code_missing: {
    status: 400,
    title: 'Fullscript sent no answer along',
    detail: 'You came back from Fullscript without a yes or a no. Please start again.',
    way: 'start_again',
  },
  issuer_mismatch: {
    status: 400,
    title: 'This answer came from somewhere else',
    detail: 'It does not name the Fullscript server that was asked. Nothing was stored.',
    way: 'start_again',
  },
  access_denied: {
    status: 403,
    title: 'You did not connect Fullscript',
    detail: 'You chose not to share your account. Nothing was stored. You can connect at any time.',
    way: 'start_again',
  },
  authorization_failed: {
    status: 502,
    title: 'Fullscript could not finish the sign-in',
    detail: 'Fullscript reported an error. Please start again in a moment.',
    way: 'start_again',
  },
  invalid_grant: {
    status: 400,
    title: 'This sign-in took too long',
    detail: 'Fullscript no longer accepts it: it is older than ten minutes or was used before.',
    way: 'start_again',
  },
  resource_owner_missing: {
    status: 502,
    title: 'Fullscript did not say who signed in',
    detail: 'The answer named no user, so nothing was stored. Please start again.',
    way: 'start_again',
  },
  resource_owner_unknown_type: {
    status: 403,
    title: 'This kind of account cannot be connected',
    detail: 'Only practitioners, staff and (older applications) clinics can. Nothing was stored.',
    way: 'start_again',
  },
  user_disabled: {
    status: 403,
    title: 'You cannot sign in here at the moment',
    detail:
      'The people who run this server have switched off your access to it. Only they can switch it on again; your Fullscript account is unchanged.',
    way: 'ask',
  },
  https_not_seen: {
    status: 500,
    title: 'This server does not see that you came by https',
    detail:
      'So it cannot keep you signed in, and has not finished the sign-in. The people who run it have to look at the proxy in front of it (X-Forwarded-Proto, TRUST_PROXY).',
    way: 'operator',
  },
  registration_unknown: {
    status: 404,
    title: 'This country is not set up here',
    detail:
      'The server has no application for the country or environment that was asked for, or has it no longer. Go to the start and connect with one that is there.',
    way: 'home',
  },
  navigation_refused: {
    status: 403,
    title: 'Signing in needs a click',
    detail: 'A sign-in starts when somebody opens it as a page, not from inside another one.',
    way: 'home',
  },
} satisfies Record<string, ErrorEntry>;

const connection = {
  not_signed_in: {
    status: 401,
    title: 'You are not signed in',
    detail: 'Sign in with Fullscript to go on.',
    way: 'start_again',
  },
  grant_not_found: {
    status: 401,
    title: 'Fullscript is not connected',
    detail: 'The connection was ended. Connect your account to go on.',
    way: 'reconnect',
  },
  needs_reconnect: {
    status: 401,
    title: 'Fullscript needs to be connected again',
    detail: 'Fullscript ended the connection. Connect again; nothing else is lost.',
    way: 'reconnect',
  },
  token_rejected: {
    status: 401,
    title: 'Fullscript does not accept the connection',
    detail: 'It refuses new permissions as well. Try again in a minute, or connect again.',
    way: 'reconnect',
  },
  refresh_busy: refresh(
    503,
    'The connection is being renewed',
    'That is taking longer than usual. Please try again in a moment.',
  ),
  store_unavailable: upstream(
    503,
    'The server is catching its breath',
    'A part of it does not answer right now. You stay signed in; please try again in a moment.',
  ),
  resource_owner_changed: refresh(
    502,
    'Fullscript answered for somebody else',
    'The answer was thrown away and your connection is unchanged. Please try again.',
  ),
  sealing_key_missing: {
    status: 500,
    title: 'Your connection cannot be opened',
    detail:
      'The server lacks the key it was stored with, which the people who run it can give back. ' +
      'Connecting again helps at once.',
    way: 'reconnect',
  },
  seal_broken: {
    status: 500,
    title: 'Your connection cannot be opened',
    detail: 'What is stored does not match. Connecting again helps at once.',
    way: 'reconnect',
  },
} satisfies Record<string, ErrorEntry>;

const fullscript = {
  invalid_client: setup('Fullscript does not know this application'),
  invalid_request: setup('Fullscript did not understand this application'),
  unauthorized_client: setup('This application may not do that'),
  unsupported_grant_type: setup('This application may not do that'),
  invalid_scope: setup('This application may not do that'),
  unsupported_token_type: setup('Fullscript answered in a form this server does not speak'),
  invalid_response: setup('Fullscript answered in a form this server does not speak'),
  rate_limited: refresh(503, 'Fullscript is busy', 'Please try again in a minute.'),
  server_error: refresh(502, 'Fullscript has a problem', 'Please try again in a moment.'),
  unreachable: refresh(502, 'Fullscript cannot be reached', 'Please try again in a moment.'),
  no_answer: refresh(504, 'Fullscript did not answer', 'Please try again in a moment.'),
  fullscript_unauthorized: {
    status: 401,
    title: 'Fullscript does not accept the connection',
    detail: 'Connect again; nothing else is lost.',
    way: 'reconnect',
  },
  fullscript_forbidden: {
    status: 403,
    title: 'Fullscript does not allow this',
    detail: 'A permission is missing. If it was added lately, connect again to receive it.',
    way: 'reconnect',
  },
  fullscript_not_found: {
    status: 404,
    title: 'Fullscript does not have this',
    detail: 'It may have been removed.',
    way: 'home',
  },
  fullscript_rate_limited: upstream(503, 'Fullscript is busy', 'Please try again in a minute.'),
  fullscript_refused: upstream(502, 'Fullscript refused this', 'The request made no sense to it.'),
  fullscript_unavailable: upstream(
    502,
    'Fullscript has a problem',
    'You stay signed in; please try again in a moment.',
  ),
  fullscript_unreachable: upstream(
    502,
    'Fullscript cannot be reached',
    'You stay signed in; please try again in a moment.',
  ),
  fullscript_timeout: upstream(
    504,
    'Fullscript did not answer',
    'You stay signed in; please try again in a moment.',
  ),
  fullscript_congested: upstream(
    503,
    'Fullscript is slow just now',
    'So many people wait for its answers that this request was not sent on. You stay signed in; please try again in a moment.',
  ),
  answer_room_full: upstream(
    503,
    'Too many large answers wait to be read',
    'This one was not fetched, so that this server has room for others. You stay signed in; please try again in a moment.',
  ),
  fullscript_unexpected: upstream(
    502,
    'Fullscript answered in an unknown form',
    'Please try again in a moment.',
  ),
} satisfies Record<string, ErrorEntry>;

const requests = {
  csrf_token_invalid: {
    status: 403,
    title: 'This form is out of date',
    detail: 'Nothing was done: its CSRF token is missing or from before. Please repeat the step.',
    way: 'home',
  },
  foreign_origin: {
    status: 403,
    title: 'This request came from another site',
    detail: 'It was not carried out.',
    way: 'home',
  },
  path_refused: {
    status: 400,
    title: 'This path may not be called',
    detail:
      'The gateway reaches the resource API only, by plain paths and without a token in the query.',
    way: 'home',
  },
  not_found: {
    status: 404,
    title: 'There is nothing here',
    detail: 'The address may be misspelt.',
    way: 'home',
  },
  bad_request: {
    status: 400,
    title: 'The request could not be read',
    detail: 'Its address or body is malformed.',
    way: 'home',
  },
  payload_too_large: {
    status: 413,
    title: 'The request is too large',
    detail: 'A body may have one megabyte.',
    way: 'home',
  },
  headers_too_large: {
    status: 431,
    title: 'Your browser sent too much along',
    detail:
      'Most likely that are its cookies: those of this server were taken back, so please sign in again. If this page comes again, delete the cookies of this site.',
    way: 'home',
  },
  unsupported_media_type: {
    status: 415,
    title: 'The request has an unknown form',
    detail: 'Its encoding is not supported.',
    way: 'home',
  },
  too_many_requests: {
    status: 429,
    title: 'That was too often',
    detail: 'So many requests came one after the other that this one was not carried out.',
    way: 'retry',
  },
  too_many_open_calls: {
    status: 429,
    title: 'Too many requests at once',
    detail:
      'So many of your requests are waiting for Fullscript that this one was not sent on. It can be sent again in a moment.',
    way: 'retry',
  },
  server_busy: {
    status: 503,
    title: 'Too many people are here at once',
    detail:
      'More requests come than this server gets through, so it has not begun with yours. You stay signed in; please try again in a moment.',
    way: 'retry',
  },
  live_streams_full: {
    status: 503,
    title: 'Too many pages are open',
    detail: 'This page does not hear of changes by itself right now. It tries again in a moment.',
    way: 'retry',
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong here',
    detail: 'It was written down under the reference below. Please try again.',
    way: 'retry',
  },
} satisfies Record<string, ErrorEntry>;

/** Every error a caller can see. The only place that knows status codes; docs/errors.md is made of it. */
export const ERROR_TABLE = { ...signIn, ...connection, ...fullscript, ...requests };

export type ErrorCode = keyof typeof ERROR_TABLE;
