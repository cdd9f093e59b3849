import { describe } from '@jest/globals';
import { openMemoryStage } from '../support/contract.js';
import { allContracts } from './all.js';

describe('in memory', () => {
  allContracts(openMemoryStage);
});
