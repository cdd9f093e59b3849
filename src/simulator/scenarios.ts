import { isDeepStrictEqual } from 'node:util';
import type { Person } from './data/records.js';
import type { FaultPlan } from './faults.js';
import { expireAccessTokens, type Provider, revokeOwner } from './provider.js';
import { type Scenario, type ScenarioName, SCENARIOS } from './scenario-table.js';
import { plainWorld, type ProviderSettings } from './settings.js';

/** Plays states of Fullscript, one at a time. */
export interface Scenarios {
  /** The one that is on. Once its faults or settings were changed by hand, it is none. */
  current: () => ScenarioName | undefined;
  /** Makes everything work again, then plays this one. */
  play: (name: ScenarioName) => void;
}

interface Deps {
  provider: Provider;
  faults: FaultPlan;
  people: Person[];
  /** Gives the applications the scopes back that they had at the start. */
  resetScopes: () => void;
}

/** Builds the stage; nothing is played yet. */
export function createScenarios({ provider, faults, people, resetScopes }: Deps): Scenarios {
  const { settings } = provider;
  let played: ScenarioName = 'works';
  return {
    current() {
      if (played === 'works') return undefined;
      const scenario: Scenario = SCENARIOS[played];
      const left = faults.list().filter((fault) => fault.scenario === played).length;
      const isOn = left === (scenario.faults?.length ?? 0) && holds(settings, scenario);
      return isOn ? played : undefined;
    },
    play(name) {
      const scenario: Scenario = SCENARIOS[name];
      faults.reset();
      resetScopes();
      const { withheldScopes = [], ...rest } = scenario.settings ?? {};
      Object.assign(settings, plainWorld(), rest, { withheldScopes: [...withheldScopes] });
      for (const fault of scenario.faults ?? []) faults.add({ ...fault, scenario: name });
      if (scenario.once === 'expire') expireAccessTokens(provider);
      if (scenario.once === 'revoke') for (const { id } of people) revokeOwner(provider, id);
      played = name;
    },
  };
}

function holds(settings: ProviderSettings, scenario: Scenario): boolean {
  const wanted = { ...settings, ...scenario.settings };
  return isDeepStrictEqual({ ...settings }, wanted);
}
