// A view that breaks takes nothing else with it, and what to do is said in its place.

import type { ComponentChildren } from "preact";
import { useEffect, useErrorBoundary } from "preact/hooks";

interface BoundaryProps {
  /** What is shown; another place gets another try. */
  of: string;
  children: ComponentChildren;
}

/** Show what is inside, or that it broke. */
export function Boundary({ of, children }: BoundaryProps) {
  const [error, again] = useErrorBoundary((cause) => console.error(cause));
  useEffect(() => {
    if (error) again();
  }, [of]);
  if (!error) return <>{children}</>;
  return (
    <div class="empty" role="alert">
      <h1>This view broke</h1>
      <p>
        That is a mistake in the page; your jobs go on. Try again, or load the page anew. If it stays, report this:{" "}
        <code>{error instanceof Error ? error.message : String(error)}</code>
      </p>
      <div class="row-of">
        <button type="button" class="primary" onClick={again}>
          Try again
        </button>
        <button type="button" onClick={() => location.reload()}>
          Load the page anew
        </button>
      </div>
    </div>
  );
}
