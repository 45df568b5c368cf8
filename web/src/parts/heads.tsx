// The headings of a plain table, by their words.

/** A heading that is more than its words on the left: over figures on the right, wide, or only for screen readers. */
export interface Head {
  words: string;
  how: "right" | "wide" | "sr";
}

/** A heading over figures. */
export function right(words: string): Head {
  return { words, how: "right" };
}

/** The row of headings. */
export function Heads({ of }: { of: readonly (string | Head)[] }) {
  return (
    <thead>
      <tr>
        {of.map((head) => {
          const { words, how } = typeof head === "string" ? { words: head, how: undefined } : head;
          return (
            <th key={words} scope="col" class={how === "sr" ? undefined : how}>
              {how === "sr" ? <span class="sr">{words}</span> : words}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}
