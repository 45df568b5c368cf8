// Which job has which colour: the number of its place, kept while other jobs come and go.

/** Numbers for ids: an id keeps its number while it stays; a new one gets the lowest that is free. */
export class Slots {
  private readonly numbers = new Map<string, number>();

  /** The numbers of these ids, in their order; ids that are left out lose theirs. */
  assign(ids: readonly string[]): number[] {
    const wanted = new Set(ids);
    for (const id of [...this.numbers.keys()]) if (!wanted.has(id)) this.numbers.delete(id);
    const taken = new Set(this.numbers.values());
    let free = 0;
    return ids.map((id) => {
      const known = this.numbers.get(id);
      if (known !== undefined) return known;
      while (taken.has(free)) free++;
      taken.add(free);
      this.numbers.set(id, free);
      return free;
    });
  }
}
