import type { AppState } from './app.svelte.ts';
import { settingsSections, type SettingsSection } from './router.svelte.ts';

const isSection = (name: string): name is SettingsSection =>
  (settingsSections as readonly string[]).includes(name);

/** Places that a link of the guide or of Help may name, besides `settings/SECTION` and `help/TOPIC`. */
const PLACES: Readonly<Record<string, (app: AppState) => void>> = {
  chat: (app) => app.navigation.goScreen('chat'),
  archive: (app) => showList(app, 'archive'),
  trash: (app) => showList(app, 'trash'),
  models: (app) => app.navigation.openModels(),
  'models/search': (app) => app.navigation.openHub(),
  'models/adapters': (app) => app.navigation.openAdapters(),
  'models/downloads': (app) => app.navigation.openModels(),
  performance: (app) => app.navigation.go({ screen: 'performance' }),
  help: (app) => app.navigation.openHelp(null),
};

function showList(app: AppState, place: 'archive' | 'trash'): void {
  app.navigation.goScreen('chat');
  app.search.clear();
  app.historyScreen.show(place);
}

function actionOf(place: string): ((app: AppState) => void) | undefined {
  const [screen, rest = ''] = place.split('/');
  if (screen === 'settings' && isSection(rest)) return (app) => app.navigation.openSettings(rest);
  if (screen === 'help' && rest !== '') return (app) => app.navigation.openHelp(rest);
  return Object.hasOwn(PLACES, place) ? PLACES[place] : undefined;
}

/** Whether there is such a place. */
export function isPlace(place: string): boolean {
  return actionOf(place) !== undefined;
}

/** Goes there; a place that does not exist is no error: an older guide may name it. */
export function goToPlace(app: AppState, place: string): void {
  actionOf(place)?.(app);
}
