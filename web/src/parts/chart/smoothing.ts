// Smoothing of a curve: an exponential moving average, without its bias towards its start.

/**
 * Smooth a curve. Each value is the mean of all before it, weighted by powers of `weight` (0: the curve itself), and
 * divided by the weights' sum, so that the first values are not drawn towards zero. Gaps stay gaps, and weigh nothing.
 */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  let sum = 0;
  let weights = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    sum = weight * sum + (1 - weight) * value;
    weights = weight * weights + (1 - weight);
    return sum / weights;
  });
}
