// The last line of `npm test`: what a green run has not looked at.
export default class WhatElse {
  onRunComplete() {
    console.error(
      'Next: npm run test:all adds Chromium, nginx, Sentinel, Cluster, TLS, real processes, deployment files and the leak scan.',
    );
  }
}
