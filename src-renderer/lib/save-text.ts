/** Time that a browser needs to take a file over before its address ends. */
const HAND_OVER_MS = 30_000;

/** Hands a text to the browser as a file to save. Nothing leaves the page. */
export function saveText(fileName: string, text: string): void {
  saveBlob(fileName, new Blob([text], { type: 'text/plain;charset=utf-8' }));
}

/** The same for anything. */
export function saveBlob(fileName: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), HAND_OVER_MS);
}
