/** Layouts by elkjs, made when the diagrams are generated: nobody who installs the package needs it. */
import elkModule, { type ElkExtendedEdge, type ElkNode } from 'elkjs/lib/elk.bundled.js';
import type { Diagram, DiagramState } from '../../src/visualize/index.ts';
import type { ArrowLayout, DiagramLayout, Point, Rectangle } from '../../src/visualize/diagram/geometry.ts';
import { EVERYWHERE, HEADER, drawnWays, labelSize, leafSize, linesOf } from '../../src/visualize/diagram/layout.ts';
import { childrenOf, rootOf, wayId } from '../../src/visualize/diagram/ways.ts';

// A CommonJS module whose types claim a default export of another shape under NodeNext.
const Elk = elkModule as unknown as new () => { layout(graph: ElkNode): Promise<ElkNode> };

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.layered.spacing.nodeNodeBetweenLayers': '20',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '12',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
  'elk.edgeLabels.inline': 'true',
};
const MARGIN = 16;

/** A document's width, at which texts are as large as they ought to be. */
const WIDEST = 868;

/** Circles are broken where that costs least; where it makes a drawing too wide, where a walk from the start meets itself. */
export async function layOut(diagram: Diagram): Promise<DiagramLayout> {
  const usual = await layOutBy({}, diagram);
  if (usual.width <= WIDEST) return usual;
  const other = await layOutBy({ 'elk.layered.cycleBreaking.strategy': 'DEPTH_FIRST' }, diagram);
  return other.width < usual.width ? other : usual;
}

async function layOutBy(options: Readonly<Record<string, string>>, diagram: Diagram): Promise<DiagramLayout> {
  const root = rootOf(diagram);
  const ways = drawnWays(diagram);
  const edges: ElkExtendedEdge[] = ways.map((way) => ({
    id: wayId(way.source, way.target),
    sources: [way.source],
    targets: [way.target!],
    labels: [{ text: '-', ...labelSize(way), layoutOptions: { 'elk.edgeLabels.placement': 'CENTER' } }],
  }));
  for (const { id, initial } of diagram.states) {
    if (initial) edges.push({ id: `start ${id}`, sources: [`dot ${id}`], targets: [id] });
  }
  const laidOut = await new Elk().layout({
    id: root.id,
    layoutOptions: { ...OPTIONS, ...options, 'elk.padding': `[top=${EVERYWHERE + 12},left=${MARGIN},bottom=${MARGIN},right=${MARGIN}]` },
    children: nodesIn(diagram, root),
    edges,
  });
  const boxes: Record<string, Rectangle> = {};
  const dots = new Map<string, Rectangle>();
  const edgesById = new Map<string, ElkExtendedEdge>();
  const gather = (node: ElkNode): void => {
    for (const edge of node.edges ?? []) edgesById.set(edge.id, edge);
    for (const child of node.children ?? []) {
      const box = rectangle(child);
      if (child.id.startsWith('dot ')) dots.set(child.id.slice(4), box);
      else boxes[child.id] = box;
      gather(child);
    }
  };
  gather(laidOut);
  const starts: Record<string, { at: Point; points: Point[] }> = {};
  for (const [id, { x, y, width, height }] of dots) {
    starts[id] = { at: [x + width / 2, y + height / 2], points: pointsOf(edgesById.get(`start ${id}`)) };
  }
  const arrows = ways.map((way): ArrowLayout => {
    const edge = edgesById.get(wayId(way.source, way.target));
    const label = edge?.labels?.[0];
    return { way: wayId(way.source, way.target), points: pointsOf(edge), ...(label === undefined ? {} : { label: rectangle(label) }) };
  });
  return { width: Math.ceil(laidOut.width ?? 0), height: Math.ceil(laidOut.height ?? 0), boxes, starts, arrows };
}

function nodesIn(diagram: Diagram, parent: DiagramState): ElkNode[] {
  return childrenOf(diagram, parent.id).flatMap((state): ElkNode[] => {
    const children = nodesIn(diagram, state);
    const noted = linesOf(state).length > 0; // under its name where there is no room beside it
    const node: ElkNode =
      children.length === 0
        ? { id: state.id, ...leafSize(state) }
        : {
            id: state.id,
            children,
            layoutOptions: {
              'elk.padding': `[top=${HEADER + (noted ? 20 : 10)},left=16,bottom=16,right=${noted ? 30 + 64 * (state.exits ?? []).length : 16}]`,
            },
          };
    return state.initial ? [{ id: `dot ${state.id}`, width: 10, height: 10 }, node] : [node];
  });
}

function pointsOf(edge: ElkExtendedEdge | undefined): Point[] {
  const section = edge?.sections?.[0];
  if (section === undefined) throw new Error(`no route for ${edge?.id}`);
  return [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(({ x, y }) => [round(x), round(y)]);
}

function rectangle({ x = 0, y = 0, width = 0, height = 0 }: { x?: number; y?: number; width?: number; height?: number }): Rectangle {
  return { x: round(x), y: round(y), width: round(width), height: round(height) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
