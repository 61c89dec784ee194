/** A link of the guide or of a Help page, to a place in this app. */
export interface PlaceLink {
  readonly label: string;
  readonly place: string;
}

const LINK = /\[([^\]\n]{1,80})\]\(leeward:([a-z0-9/-]{1,80})\)/g;
/** A link whose end has not arrived yet. */
const UNFINISHED = /\[[^\]\n]{0,80}(?:\](?:\([^)\n]{0,90})?)?$/;

/**
 * Takes the links to places of this app out of a text, one for each place; where text follows, their words stay in it. For texts that we
 * have written only: a link of any other model must stay text.
 * @param streaming more of the text is coming
 */
export function takeLinks(text: string, streaming = false): { text: string; links: PlaceLink[] } {
  const links: PlaceLink[] = [];
  const take = (whole: string, label: string, place: string, at: number): string => {
    if (!links.some((link) => link.place === place)) links.push({ label, place });
    const rest = text.slice(at + whole.length).replace(LINK, '');
    return rest.trim() === '' ? '' : label;
  };
  const left = text.replace(LINK, take);
  return { text: (streaming ? left.replace(UNFINISHED, '') : left).trimEnd(), links };
}
