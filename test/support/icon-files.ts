/** A PNG for each size in px. */
export type IconSet = ReadonlyMap<number, Buffer>;

/**
 * Types of Apple's icon file that hold a PNG, with the sizes in px they are for. Its three types for 16 to 64 px
 * are left out: macOS shows a PNG in them scrambled as an application's icon, and scales `ic11` and `ic12` instead.
 */
const ICNS_TYPES: readonly (readonly [type: string, size: number])[] = [
  ['ic07', 128],
  ['ic08', 256],
  ['ic09', 512],
  ['ic10', 1024],
  ['ic11', 32],
  ['ic12', 64],
  ['ic13', 256],
  ['ic14', 512],
];

/** An icon file of Windows that holds PNGs. */
export function ico(images: IconSet): Buffer {
  const header = Buffer.alloc(6 + 16 * images.size);
  header.writeUInt16LE(1, 2);
  header.writeUInt16LE(images.size, 4);
  let offset = header.length;
  [...images].forEach(([size, png], index) => {
    const at = 6 + 16 * index;
    // 256 is written as 0.
    header.writeUInt8(size % 256, at);
    header.writeUInt8(size % 256, at + 1);
    header.writeUInt16LE(1, at + 4);
    header.writeUInt16LE(32, at + 6);
    header.writeUInt32LE(png.length, at + 8);
    header.writeUInt32LE(offset, at + 12);
    offset += png.length;
  });
  return Buffer.concat([header, ...images.values()]);
}

/** An icon file of macOS. @throws when a size is missing */
export function icns(images: IconSet): Buffer {
  const blocks = ICNS_TYPES.map(([type, size]) => {
    const png = images.get(size);
    if (!png) throw new Error(`No picture of ${size} px.`);
    return block(type, png);
  });
  return block('icns', Buffer.concat(blocks));
}

function block(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.write(type, 'latin1');
  header.writeUInt32BE(content.length + 8, 4);
  return Buffer.concat([header, content]);
}

/** The pictures of an icon file of Windows, as size in px and PNG. */
export function readIco(file: Buffer): [number, Buffer][] {
  return Array.from({ length: file.readUInt16LE(4) }, (_, index) => {
    const at = 6 + 16 * index;
    const from = file.readUInt32LE(at + 12);
    return [file.readUInt8(at) || 256, file.subarray(from, from + file.readUInt32LE(at + 8))];
  });
}

/** The pictures of an icon file of macOS, as type and PNG. */
export function readIcns(file: Buffer): [string, Buffer][] {
  const found: [string, Buffer][] = [];
  for (let at = 8; at < file.length; at += file.readUInt32BE(at + 4)) {
    found.push([file.toString('latin1', at, at + 4), file.subarray(at + 8, at + file.readUInt32BE(at + 4))]);
  }
  return found;
}

/** Width and height of a PNG in px. */
export const pngSize = (png: Buffer) => [png.readUInt32BE(16), png.readUInt32BE(20)] as const;
