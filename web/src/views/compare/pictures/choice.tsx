// Choosing one of several things, such as the field of an axis.

import type { Field } from "../fields/fields";

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly { id: string; name: string }[];
  onChoose: (id: string) => void;
}

/** A labelled list to choose from. */
export function Choice({ label, value, options, onChoose }: ChoiceProps) {
  return (
    <label class="choice">
      {label}
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
        {options.map(({ id, name }) => (
          <option key={id} value={id} selected={id === value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface FieldChoiceProps {
  label: string;
  value: string;
  fields: readonly Field[];
  /** What no field at all is called; there must be one unless it says so. */
  none?: string;
  onChoose: (id: string | null) => void;
}

/** A labelled list of fields, by what they belong to. */
export function FieldChoice({ label, value, fields, none, onChoose }: FieldChoiceProps) {
  const groups = [...new Set(fields.map((field) => field.group))];
  return (
    <label class="choice">
      {label}
      <select value={value} onChange={(event) => onChoose(event.currentTarget.value || null)}>
        {none !== undefined && (
          <option value="" selected={value === ""}>
            {none}
          </option>
        )}
        {groups.map((group) => (
          <optgroup key={group} label={group}>
            {fields
              .filter((field) => field.group === group)
              .map((field) => (
                <option key={field.id} value={field.id} selected={field.id === value}>
                  {field.label}
                </option>
              ))}
          </optgroup>
        ))}
      </select>
    </label>
  );
}
