/** Where the parts of a drawn diagram stand. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export type Point = readonly [x: number, y: number];

/** Where an arrow runs; its caption stands in `label`. */
export interface ArrowLayout {
  /** `source→target`. */
  readonly way: string;
  readonly points: readonly Point[];
  readonly label?: Rectangle;
}

/** Where everything of a diagram stands, in CSS pixels from the top left. */
export interface DiagramLayout {
  readonly width: number;
  readonly height: number;
  /** By state id. */
  readonly boxes: Readonly<Record<string, Rectangle>>;
  /** The initial mark and its arrow, by the id of the state it leads to. */
  readonly starts: Readonly<Record<string, { readonly at: Point; readonly points: readonly Point[] }>>;
  readonly arrows: readonly ArrowLayout[];
}
