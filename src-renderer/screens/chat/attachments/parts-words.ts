import { placesText, type PartPlace } from '../../../../src-main/contract/index.ts';
import { attachmentTexts } from '../../../texts/attachments.ts';

type Places = readonly Pick<PartPlace, 'first' | 'last'>[];

const isMany = (numbers: string): boolean => /[-,]/u.test(numbers);

/** Parts as a chip tells them: "Parts: pages 3, 7-9". */
export function partsWords(hasPages: boolean, places: Places): string {
  const numbers = placesText(places);
  return attachmentTexts.parts(hasPages, isMany(numbers), numbers);
}

/** Where a part stands: "Pages 7-9". */
export function placeWords(hasPages: boolean, place: Places[number]): string {
  const numbers = placesText([place]);
  return attachmentTexts.place(hasPages, isMany(numbers), numbers);
}
