/**
 * What became of a saga step by step, read off its events: for the people who look after one that hangs.
 *
 * A step's line begins when the saga turned to it and is closed by the event that ended it; an undo is a line of its
 * own. Events this page does not know (a definition's own) change nothing.
 */
import type { RecordedEvent } from '../../actors/model/call.js';

export interface TimelineStep {
  readonly step: string;
  readonly direction: 'do' | 'undo';
  /** Unix ms. */
  readonly started_at: number;
  /** Null while it is under way. */
  readonly ended_at: number | null;
  readonly attempts: number;
  readonly outcome: 'under-way' | 'completed' | 'failed' | 'skipped' | 'compensated' | 'given-up';
  readonly result: unknown;
  /** The newest one, also of attempts that were followed by another. */
  readonly error: string | null;
}

type Line = { -readonly [Field in keyof TimelineStep]: TimelineStep[Field] };

/** What of an event's data is looked at. */
interface StepData {
  readonly step?: string;
  readonly result?: unknown;
  readonly attempt?: number;
  readonly code?: string;
  readonly detail?: string;
  readonly next?: string;
}

/** Outcomes of a failed attempt after which the step is still under way. */
const goesOn: ReadonlySet<string | undefined> = new Set(['retry', 'await', 'overdue', 'stuck']);

/** `current`: the step that the saga is busy with, if it has not ended; `isCompensating`: with its undo. */
export function sagaTimeline(
  events: readonly RecordedEvent[],
  current: { readonly step: string; readonly isCompensating: boolean } | undefined,
): readonly TimelineStep[] {
  const lines: Line[] = [];
  let turnedAt = 0;
  const lineOf = (step: string, direction: Line['direction'], since = turnedAt): Line => {
    const open = lines.find(
      (line) => line.step === step && line.direction === direction && line.ended_at === null,
    );
    if (open !== undefined) return open;
    const line: Line = {
      ...{ step, direction, started_at: since, ended_at: null, attempts: 1 },
      ...{ outcome: 'under-way', result: null, error: null },
    };
    lines.push(line);
    return line;
  };
  const close = (line: Line, outcome: Line['outcome'], at: number): void => {
    line.ended_at = at;
    line.outcome = outcome;
    turnedAt = at;
  };

  for (const { type, data, at } of events) {
    // The data of the runtime's own events; of a definition's own nothing is looked at.
    const { step = '', result = null, attempt = 1, code = '', detail = '', next } = data as StepData;
    const error = `${code}: ${detail}`;
    switch (type) {
      case 'SagaStarted':
      case 'SagaCompensating':
      case 'SagaResumed':
        turnedAt = at;
        break;
      case 'StepBegun':
        lineOf(step, 'do', at);
        break;
      case 'StepCompleted': {
        const line = lineOf(step, 'do');
        line.result = result;
        close(line, 'completed', at);
        break;
      }
      case 'StepSkipped':
        close(lineOf(step, 'do'), 'skipped', at);
        break;
      case 'StepFailed': {
        const line = lineOf(step, 'do');
        Object.assign(line, { attempts: attempt, error });
        if (!goesOn.has(next)) close(line, 'failed', at);
        break;
      }
      case 'StepRetried':
      case 'UndoRetried': {
        const line = lineOf(step, type === 'StepRetried' ? 'do' : 'undo');
        line.attempts++;
        break;
      }
      case 'UndoFailed':
        Object.assign(lineOf(step, 'undo'), { attempts: attempt, error });
        break;
      case 'StepCompensated':
        close(lineOf(step, 'undo'), 'compensated', at);
        break;
      case 'CompensationFailed': {
        const line = lineOf(step, 'undo');
        line.error = error;
        close(line, 'given-up', at);
        break;
      }
      default:
        break;
    }
  }
  if (current !== undefined && current.step !== '')
    lineOf(current.step, current.isCompensating ? 'undo' : 'do');
  // A step that was under way when the saga turned back has its undo's line to tell the rest.
  return lines;
}
