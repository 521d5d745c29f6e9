"""The graph as one HTML page that needs nothing else: no network, no files, no libraries.

Everything that beads say is escaped, and the page's own policy forbids it to load anything. Its script only reads
attributes and shows and hides what is there.
"""

from collections import defaultdict
from html import escape

from gastown.beads.models import BeadStatus, DependencyType
from gastown.beads.views.drawings import Drawing, Line, fit, mark, plain

_WIDTH, _HEIGHT = 232, 62  # of a box, in the units of the picture
_GAP_X, _GAP_Y, _MARGIN = 84, 20, 28
_ROWS = 14  # boxes in one column; a longer layer goes on beside
_CLASSES = {
    BeadStatus.CLOSED: "done",
    BeadStatus.IN_PROGRESS: "wip",
    BeadStatus.HOOKED: "wip",
    BeadStatus.SUBMITTED: "wip",
    BeadStatus.BLOCKED: "stuck",
    BeadStatus.ESCALATED: "stuck",
    BeadStatus.DEFERRED: "cold",
    BeadStatus.PINNED: "cold",
}
_STYLE = """
:root{--back:#f7f7f5;--box:#fff;--text:#1c1c1a;--dim:#6b6b66;--edge:#b4b4ad;--accent:#d97706;--open:#2563eb;
--wip:#0d9488;--done:#16a34a;--stuck:#dc2626;--cold:#78716c}
@media(prefers-color-scheme:dark){:root{--back:#171716;--box:#232321;--text:#ededea;--dim:#a3a39c;--edge:#55554f;
--accent:#fbbf24;--open:#60a5fa;--wip:#2dd4bf;--done:#4ade80;--stuck:#f87171;--cold:#a8a29e}}
*{box-sizing:border-box}body{margin:0;background:var(--back);color:var(--text);font:14px/1.45 system-ui,sans-serif}
header{position:sticky;top:0;display:flex;flex-wrap:wrap;gap:12px 24px;align-items:center;padding:14px 28px;
background:var(--back);border-bottom:1px solid var(--edge);z-index:1}
h1{margin:0;font-size:17px;font-weight:600}input{font:inherit;color:inherit;background:var(--box);
border:1px solid var(--edge);border-radius:8px;padding:5px 10px;width:16em}
.key{display:flex;gap:14px;color:var(--dim);flex-wrap:wrap}.key i{display:inline-block;width:9px;height:9px;
border-radius:50%;margin-right:5px}main{overflow:auto}svg{display:block}
.box rect{fill:var(--box);stroke:var(--edge)}.box .bar{stroke:none;fill:var(--open)}.box{cursor:pointer}
.wip .bar{fill:var(--wip)}.done .bar{fill:var(--done)}.stuck .bar{fill:var(--stuck)}.cold .bar{fill:var(--cold)}
.done text{opacity:.62}.box text{fill:var(--text)}.box .id{fill:var(--dim);font-size:11px}
.root rect{stroke:var(--accent);stroke-width:2}.box.lit rect{stroke:var(--accent);stroke-width:2}
path{fill:none;stroke:var(--edge);stroke-width:1.5}path.part{stroke-dasharray:4 4}path.lit{stroke:var(--accent);
stroke-width:2.5}.faded{opacity:.16}aside{position:fixed;right:20px;bottom:20px;max-width:380px;max-height:60vh;
overflow:auto;background:var(--box);border:1px solid var(--edge);border-radius:12px;padding:14px 18px;
box-shadow:0 6px 24px rgb(0 0 0/.18)}aside h2{margin:0 0 6px;font-size:15px}aside p{margin:4px 0;color:var(--dim);
white-space:pre-wrap;overflow-wrap:anywhere}[hidden]{display:none}
"""
_SCRIPT = """
const boxes=[...document.querySelectorAll('.box')],lines=[...document.querySelectorAll('path[data-a]')];
const by=new Map(boxes.map(b=>[b.dataset.n,b])),panel=document.querySelector('aside');
const reach=(n,from,to)=>{const seen=new Set([n]),todo=[n];while(todo.length){const at=todo.pop();
for(const l of lines)if(l.dataset[from]===at&&!seen.has(l.dataset[to])){
seen.add(l.dataset[to]);todo.push(l.dataset[to])}}
return seen};
const show=n=>{const near=n===null?null:new Set([...reach(n,'a','b'),...reach(n,'b','a')]);
for(const b of boxes){b.classList.toggle('faded',near!==null&&!near.has(b.dataset.n));
b.classList.toggle('lit',b.dataset.n===n)}
for(const l of lines){const on=near!==null&&near.has(l.dataset.a)&&near.has(l.dataset.b);
l.classList.toggle('lit',on);l.classList.toggle('faded',near!==null&&!on)}};
let held=null;
const tell=b=>{panel.hidden=!b;if(!b)return;panel.querySelector('h2').textContent=b.dataset.title;
const [facts,text]=panel.querySelectorAll('p');facts.textContent=b.dataset.facts;text.textContent=b.dataset.text};
for(const b of boxes){b.addEventListener('mouseenter',()=>held===null&&show(b.dataset.n));
b.addEventListener('mouseleave',()=>held===null&&show(null));
b.addEventListener('click',e=>{e.stopPropagation();held=held===b.dataset.n?null:b.dataset.n;show(held);tell(held===null?null:b)})}
document.addEventListener('click',e=>{if(!e.target.closest('aside,input')){held=null;show(null);tell(null)}});
document.querySelector('input').addEventListener('input',e=>{const want=e.target.value.trim().toLowerCase();
for(const b of boxes)b.classList.toggle('faded',want!==''&&!b.dataset.title.toLowerCase().includes(want))});
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body>
<header><h1>{title}</h1><input type="search" placeholder="Find" aria-label="Find a bead">
<div class="key"><span><i style="background:var(--open)"></i>open</span><span><i style="background:var(--wip)"></i>
under way</span><span><i style="background:var(--stuck)"></i>stuck</span><span><i style="background:var(--cold)"></i>
put off</span><span><i style="background:var(--done)"></i>closed</span>
<span>an arrow leads to what waits; dashed: from a part to its whole</span></div>
</header><main><svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"
 viewBox="0 0 {width} {height}" role="img" aria-label="{title}"><defs><marker id="tip" viewBox="0 0 8 8" refX="7"
 refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" style="fill:var(--edge);stroke:none"/>
</marker></defs>{lines}{boxes}</svg></main>
<aside hidden><h2></h2><p></p><p></p></aside><script>{script}</script></body></html>
"""


def draw_page(drawing: Drawing, title: str) -> str:
    """The page. What comes first is on the left."""
    places = _places(drawing)
    numbers = {name: number for number, name in enumerate(places)}
    right = max((x for x, _ in places.values()), default=0)
    bottom = max((y for _, y in places.values()), default=0)
    return _PAGE.format(
        title=escape(plain(title, 120)),
        style=_STYLE,
        script=_SCRIPT,
        width=right + _WIDTH + _MARGIN,
        height=bottom + _HEIGHT + _MARGIN,
        lines="".join(_line(line, places, numbers) for line in drawing.lines if line.source != line.target),
        boxes="".join(_box(drawing, name, numbers[name], place) for name, place in places.items()),
    )


def _places(drawing: Drawing) -> dict[str, tuple[int, int]]:
    """Where each box is: layers from left to right, and in each what belongs together near each other."""
    before: dict[str, list[str]] = defaultdict(list)
    for line in drawing.lines:
        first, then = line.order
        before[then].append(first)
    places: dict[str, tuple[int, int]] = {}
    x = _MARGIN
    for layer in drawing.layers:
        heights = {
            name: sum(found) / len(found)
            if (found := [places[near][1] for near in before[name] if near in places])
            else 0
            for name in layer
        }
        ordered = sorted(layer, key=lambda name, heights=heights: (heights[name], name))  # type: ignore[misc]
        for number, name in enumerate(ordered):
            column, row = divmod(number, _ROWS)
            places[name] = (x + column * (_WIDTH + _GAP_Y), _MARGIN + row * (_HEIGHT + _GAP_Y))
        x += -(-len(layer) // _ROWS) * (_WIDTH + _GAP_Y) - _GAP_Y + _GAP_X
    return places


def _line(line: Line, places: dict[str, tuple[int, int]], numbers: dict[str, int]) -> str:
    if line.source not in places or line.target not in places:
        return ""
    first, then = line.order
    (from_x, from_y), (to_x, to_y) = places[first], places[then]
    begin, end = (from_x + _WIDTH, from_y + _HEIGHT // 2), (to_x, to_y + _HEIGHT // 2)
    bend = max(40, abs(end[0] - begin[0]) // 2)
    way = f"M{begin[0]} {begin[1]}C{begin[0] + bend} {begin[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}"
    kind = "part" if line.type == DependencyType.PARENT_CHILD else "wait"
    return (
        f'<path class="{kind}" d="{way}" marker-end="url(#tip)" data-a="{numbers[first]}" '
        f'data-b="{numbers[then]}"><title>{escape(plain(line.type))}</title></path>'
    )


def _box(drawing: Drawing, name: str, number: int, place: tuple[int, int]) -> str:
    bead = drawing.beads[name]
    known = bead.status in BeadStatus.__members__.values()
    kind = _CLASSES.get(BeadStatus(bead.status), "open") if known else "open"
    facts = " · ".join(
        filter(None, (bead.status, f"P{bead.priority}", bead.issue_type, bead.assignee and f"for {bead.assignee}"))
    )
    said = {
        "n": str(number),
        "title": f"{name}: {plain(bead.title, 300)}",
        "facts": plain(facts, 300),
        "text": "\n".join(plain(line, 300) for line in bead.description.splitlines()[:12]),
    }
    data = " ".join(f'data-{key}="{escape(value)}"' for key, value in said.items())
    x, y = place
    root = " root" if name == drawing.root else ""
    return (
        f'<g class="box {kind}{root}" {data} transform="translate({x} {y})"><rect width="{_WIDTH}" height="{_HEIGHT}"'
        f' rx="10"/><rect class="bar" width="5" height="{_HEIGHT - 20}" x="8" y="10" rx="2.5"/>'
        f'<text class="id" x="22" y="22">{escape(fit(f"{mark(bead.status)} {name}  P{bead.priority}", 32))}</text>'
        f'<text x="22" y="43">{escape(fit(bead.title, 29))}</text></g>'
    )
