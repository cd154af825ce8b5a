// A priority queue: out comes the item of the lowest key, of equal keys that of the lowest place. It is a heap with four
// children a node, in typed arrays, since a text of a million bytes without a break puts in a few million items.

export class Heap {
  /** What `pop` took out. */
  key = 0;
  place = 0;
  item = 0;

  #keys = new Float64Array(64);
  #places = new Int32Array(64);
  #items = new Int32Array(64);
  #size = 0;

  push(key: number, place: number, item: number): void {
    if (this.#size === this.#keys.length) this.#grow();
    const [keys, places] = [this.#keys, this.#places];
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 2;
      if (keys[parent]! < key || (keys[parent] === key && places[parent]! <= place)) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#put(at, key, place, item);
  }

  /** Takes out the first item, into `key`, `place` and `item`. Returns false where there is none. */
  pop(): boolean {
    if (this.#size === 0) return false;
    const [keys, places] = [this.#keys, this.#places];
    this.key = keys[0]!;
    this.place = places[0]!;
    this.item = this.#items[0]!;
    const size = --this.#size;
    const [key, place] = [keys[size]!, places[size]!];
    let at = 0;
    for (;;) {
      let child = 4 * at + 1;
      if (child >= size) break;
      const last = Math.min(child + 3, size - 1);
      for (let other = child + 1; other <= last; other++) {
        if (
          keys[other]! < keys[child]! ||
          (keys[other] === keys[child] && places[other]! < places[child]!)
        )
          child = other;
      }
      if (key < keys[child]! || (key === keys[child] && place <= places[child]!)) break;
      this.#move(child, at);
      at = child;
    }
    this.#put(at, key, place, this.#items[size]!);
    return true;
  }

  #move(from: number, to: number): void {
    this.#keys[to] = this.#keys[from]!;
    this.#places[to] = this.#places[from]!;
    this.#items[to] = this.#items[from]!;
  }

  #put(at: number, key: number, place: number, item: number): void {
    this.#keys[at] = key;
    this.#places[at] = place;
    this.#items[at] = item;
  }

  #grow(): void {
    const [keys, places, items] = [this.#keys, this.#places, this.#items];
    const capacity = 2 * keys.length;
    this.#keys = new Float64Array(capacity);
    this.#places = new Int32Array(capacity);
    this.#items = new Int32Array(capacity);
    this.#keys.set(keys);
    this.#places.set(places);
    this.#items.set(items);
  }
}
