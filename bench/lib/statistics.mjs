/**
 * The value below which this share of the values lies.
 *
 * @param {readonly number[]} values
 * @param {number} share from 0 to 1
 */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** @param {readonly number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/**
 * `median (lower quartile – upper quartile)`
 *
 * @param {readonly number[]} values
 * @param {number} [digits]
 */
export function spread(values, digits = 0) {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(values, share).toFixed(digits));
  return `${middle} (${low}–${high})`;
}

/**
 * The quotients of values that were measured next to each other: what slows the machine down for a while slows both.
 *
 * @param {readonly number[]} values
 * @param {readonly number[]} others
 */
export function pairedRatios(values, others) {
  return values.map((value, index) => value / (others[index] ?? Number.NaN));
}

/**
 * @param {readonly number[]} values
 * @param {readonly number[]} others
 */
export function pairedRatio(values, others) {
  return median(pairedRatios(values, others));
}
