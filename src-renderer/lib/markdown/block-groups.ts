/** Blocks of one group: what a word costs does not grow with the blocks before it. */
const GROUP_SIZE = 16;

/** Blocks in groups, in order: a group whose blocks are the same objects stays the same array. */
export class BlockGroups<Block> {
  #blocks: readonly Block[] = [];
  #groups: readonly (readonly Block[])[] = [];

  /** @param tail the block that still grows, in the last group */
  of(blocks: readonly Block[], tail: Block | null): readonly (readonly Block[])[] {
    if (blocks !== this.#blocks) this.#regroup(blocks);
    if (tail === null) return this.#groups;
    const last = this.#groups.at(-1);
    if (last === undefined || last.length === GROUP_SIZE) return [...this.#groups, [tail]];
    return [...this.#groups.slice(0, -1), [...last, tail]];
  }

  #regroup(blocks: readonly Block[]): void {
    const groups: (readonly Block[])[] = [];
    for (let from = 0; from < blocks.length; from += GROUP_SIZE) {
      const group = blocks.slice(from, from + GROUP_SIZE);
      const known = this.#groups[from / GROUP_SIZE];
      const isSame = known?.length === group.length && group.every((block, index) => block === known[index]);
      groups.push(isSame ? known : group);
    }
    this.#blocks = blocks;
    this.#groups = groups;
  }
}
