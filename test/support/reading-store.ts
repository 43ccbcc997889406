/** A store whose reads of the journal are watched, held or changed on their way. */
import type { Journal } from '../../persistence/journal.js';
import type { Store } from '../../persistence/store.js';

export function readingAs(store: Store, readAs: (read: Journal['read']) => Journal['read']): Store {
  const { journal } = store;
  return {
    ...store,
    journal: {
      append: (group) => journal.append(group),
      head: (partition) => journal.head(partition),
      trim: (cuts) => journal.trim(cuts),
      read: readAs((...asked) => journal.read(...asked)),
    },
  };
}
