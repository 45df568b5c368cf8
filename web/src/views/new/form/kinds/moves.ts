// Changes of a list: each gives a new list, and works on what goes along with its items too.

/** The list with an item put in at a place. */
export function inserted<T>(items: readonly T[], at: number, item: T): readonly T[] {
  return [...items.slice(0, at), item, ...items.slice(at)];
}

/** The list without the item at a place. */
export function removed<T>(items: readonly T[], at: number): readonly T[] {
  return items.filter((_, index) => index !== at);
}

/** The list with the item at `from` moved, so that it stands at `to`; a place outside the list means its end. */
export function moved<T>(items: readonly T[], from: number, to: number): readonly T[] {
  const item = items[from];
  if (item === undefined) return items;
  return inserted(removed(items, from), Math.min(Math.max(0, to), items.length - 1), item);
}
