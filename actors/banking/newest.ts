/**
 * Lists of the newest few of something that comes again and again: the holds that an account saw end.
 *
 * They are changed in place, and never have room to spare: `push` makes room for sixteen more, and thousands of actors keep
 * such a list.
 */

/** The list with the item last, and without its first where it would grow past `countMax`. An empty one may be shared. */
export function withNewest<Item>(list: Item[], item: Item, countMax: number): Item[] {
  if (list.length < countMax) return list.concat([item]);
  for (let index = 1; index < list.length; index++) list[index - 1] = list[index] as Item;
  list[list.length - 1] = item;
  return list;
}
