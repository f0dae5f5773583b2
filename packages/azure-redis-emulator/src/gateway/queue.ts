/** First in, first out, without moving what is left on each removal. */
export class Queue<T> {
  #items: T[] = [];
  #first = 0;

  get head(): T | undefined {
    return this.#items[this.#first];
  }

  get last(): T | undefined {
    return this.#first < this.#items.length ? this.#items.at(-1) : undefined;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): void {
    this.#first++;
    if (this.#first === this.#items.length) {
      this.#items = [];
      this.#first = 0;
    } else if (this.#first >= 1024 && this.#first * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Empties it and returns what was in it. */
  clear(): readonly T[] {
    const items = this.#items.slice(this.#first);
    this.#items = [];
    this.#first = 0;
    return items;
  }
}
