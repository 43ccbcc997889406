import { mergeSegments } from '../../runtime/deduplication/outcome-segment.js';

/** A merge at once, with all its steps. */
export function mergedSegments(segments: readonly Uint8Array[]): { bytes: Uint8Array; steps: number } {
  const merge = mergeSegments(segments);
  for (let steps = 0; ; steps++) {
    const step = merge.next();
    if (step.done === true) return { bytes: step.value, steps };
  }
}
