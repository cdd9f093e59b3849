import { channel } from 'node:diagnostics_channel';
import { relative } from 'node:path';
import { beforeEach, expect } from '@jest/globals';

/** jest's setupFilesAfterEnv: a finding is easier to understand with the test that was running. */
const runningChannel = channel('leak-scan:running');

function tell(): void {
  const { testPath = '', currentTestName } = expect.getState();
  const file = relative(process.cwd(), testPath);
  runningChannel.publish(currentTestName === undefined ? file : `${file}: ${currentTestName}`);
}

tell();
beforeEach(tell);
