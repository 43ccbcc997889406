/**
 * Rows as people read them: columns as wide as what stands in them, numbers to the right, nothing cut.
 */
import type { Json } from './admin-client.js';

export interface Column {
  readonly title: string;
  readonly text: (item: Json) => string;
  readonly align?: 'right';
}

export function tableText(items: readonly Json[], columns: readonly Column[]): string {
  const rows = [
    columns.map(({ title }) => title),
    ...items.map((item) => columns.map(({ text }) => text(item))),
  ];
  // `Math.max` of all rows would be one argument each, and the stack ends at some 100,000.
  const widths = columns.map((_, index) =>
    rows.reduce((widest, row) => Math.max(widest, row[index]?.length ?? 0), 0),
  );
  return rows
    .map((row) => {
      const cells = row.map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      });
      return cells.join('  ').trimEnd();
    })
    .join('\n');
}

/** `2026-11-21 08:12:27`, UTC; a dash for nothing. */
export function timeText(iso: string | null | undefined): string {
  return iso === null || iso === undefined ? '-' : iso.slice(0, 19).replace('T', ' ');
}

/** `4s`, `12m`, `3h`, `5d` between two times. */
export function spanText(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)}h` : `${Math.round(seconds / 86_400)}d`;
}

/** Names and values, a line each, the values under each other. */
export function factsText(facts: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join('\n');
}

/** A path segment of anything. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}
