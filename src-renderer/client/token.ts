const STORAGE_KEY = 'leeward.token';

/** The parts of a window that carry the token. */
export interface TokenPlaces {
  location: Pick<Location, 'hash' | 'pathname' | 'search'>;
  history: Pick<History, 'replaceState'>;
  sessionStorage: Pick<Storage, 'getItem' | 'setItem'>;
}

/**
 * The token of this launch: from the address's fragment, which is then removed so that it is neither seen
 * nor bookmarked, else from this tab's session, so that a reload works. null when there is none.
 */
export function takeToken({ location, history, sessionStorage }: TokenPlaces): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return sessionStorage.getItem(STORAGE_KEY);
  sessionStorage.setItem(STORAGE_KEY, given);
  history.replaceState(null, '', `${location.pathname}${location.search}`);
  return given;
}
