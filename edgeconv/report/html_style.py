"""How the HTML report looks: one style sheet, light and dark, from 320 pixels of width upwards."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root{--paper:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5b6675;--faint:#66717e;--line:#e2e6eb;--well:#eef1f5;
--blue:#2563c9;--blue-soft:#a9c5f2;--green:#136f35;--amber:#a14806;--red:#c42b2b;--violet:#7552c9;
--good-bg:#e7f5ec;--fair-bg:#fdf3e2;--bad-bg:#fdeaea;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--paper:#10151c;--card:#181f29;--ink:#e6ebf2;--soft:#a5b0bf;--faint:#8c97a4;
--line:#2a333f;--well:#212a35;--blue:#6ea3f5;--blue-soft:#33568c;--green:#4cc07c;--amber:#e8a33d;--red:#f07171;
--violet:#a78bf0;--good-bg:#14301f;--fair-bg:#36290f;--bad-bg:#3a1a1c}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue","DejaVu Sans",Arial,sans-serif;font-variant-numeric:tabular-nums}
header,main{max-width:1080px;margin:0 auto;padding:0 24px}
header{padding-top:40px}
.brand{margin:0;font-size:13px;font-weight:600;letter-spacing:.08em;text-transform:uppercase;color:var(--faint)}
h1{margin:2px 0 14px;font-size:30px;line-height:1.2;letter-spacing:-.015em;font-weight:650;overflow-wrap:anywhere}
.verdict{display:inline-flex;gap:12px;align-items:center;margin:0;padding:10px 18px 10px 14px;border-radius:12px;
background:var(--well);font-size:18px;font-weight:600;line-height:1.35;overflow-wrap:anywhere}
.mark{flex:none;width:12px;height:12px;border-radius:50%;background:var(--faint)}
.verdict.good{background:var(--good-bg);color:var(--green)}.verdict.good .mark{background:var(--green)}
.verdict.fair{background:var(--fair-bg);color:var(--amber)}.verdict.fair .mark{background:var(--amber)}
.verdict.bad{background:var(--bad-bg);color:var(--red)}.verdict.bad .mark{background:var(--red)}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;margin:22px 0 0;padding-bottom:14px;border-bottom:1px solid var(--line)}
nav a{color:var(--soft);text-decoration:none;font-size:14px}
nav a:hover{color:var(--blue);text-decoration:underline}
main{padding-bottom:64px}
section{margin-top:36px}
h2{margin:0 0 14px;font-size:20px;line-height:1.3;letter-spacing:-.01em;font-weight:650;overflow-wrap:anywhere}
h3{margin:0;font-size:13px;font-weight:600;color:var(--soft)}
p.note{margin:10px 0;font-size:14px;color:var(--soft);max-width:90ch;overflow-wrap:anywhere}
p.note.strong{color:var(--amber);background:var(--fair-bg);border-left:3px solid var(--amber);padding:10px 14px;
border-radius:0 8px 8px 0;font-weight:550;font-size:15px;max-width:none}
.changes{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:14px;margin:0 0 14px}
.change{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:16px 18px}
.change p{margin:0}
.change .after{font-size:26px;line-height:1.25;font-weight:650;letter-spacing:-.02em;margin-top:4px}
.change .before{color:var(--soft);font-size:14px}
.change .what{font-size:13px;color:var(--soft);margin-top:8px}
.change.good .what{color:var(--green)}.change.fair .what{color:var(--amber)}.change.bad .what{color:var(--red)}
.who{color:var(--faint)}
.bar{display:block;height:6px;border-radius:3px;background:var(--well);margin-top:12px;overflow:hidden}
.bar span{display:block;height:100%;border-radius:3px;background:var(--blue)}
figure{margin:0 0 14px;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px}
figure svg{display:block;width:100%;overflow:visible}
figcaption,.legend{font-size:13px;color:var(--soft);margin-top:10px;line-height:1.7}
.legend{margin:10px 0}
figure .legend{margin-bottom:0}
.legend span{display:inline-block;margin-right:16px}
.key{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}
.axis{padding-left:46px}
.key.local{background:var(--blue);border-radius:50%}.key.sofar{background:var(--violet);height:3px;vertical-align:3px;width:16px}
.key.share,.key.inside{background:var(--blue-soft)}.key.outside{background:var(--red)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:14px}
.cards figure{margin:0;padding:14px 16px}
.cards figcaption{margin:0 0 8px;color:var(--ink);font-weight:600;overflow-wrap:anywhere;line-height:1.4}
.beside{display:grid;grid-template-columns:minmax(0,420px) minmax(0,1fr);gap:18px;align-items:start}
.scroll{overflow-x:auto;background:linear-gradient(90deg,var(--card) 40%,transparent) 0 0/40px 100% no-repeat local,
linear-gradient(270deg,var(--card) 40%,transparent) 100% 0/40px 100% no-repeat local,
linear-gradient(90deg,var(--line),transparent) 0 0/14px 100% no-repeat scroll,
linear-gradient(270deg,var(--line),transparent) 100% 0/14px 100% no-repeat scroll,
var(--card);border:1px solid var(--line);border-radius:14px;margin:0 0 14px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:8px 14px;text-align:left;vertical-align:top;white-space:nowrap}
td.long{white-space:normal;overflow-wrap:anywhere;min-width:14em}
th{font-size:12px;font-weight:600;color:var(--soft);border-bottom:1px solid var(--line)}
tbody tr+tr td{border-top:1px solid var(--line)}
.r{text-align:right}
.wide th,.wide td{padding:7px 8px;font-size:13px}
dl{margin:0 0 14px;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:6px 18px;
font-size:14px}
dl div{display:grid;grid-template-columns:minmax(110px,220px) minmax(0,1fr);gap:14px;padding:7px 0}
dl div+div{border-top:1px solid var(--line)}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
pre{margin:0 0 14px;padding:14px 18px;background:var(--well);border-radius:12px;white-space:pre-wrap;
overflow-wrap:anywhere;font:13px/1.6 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
pre span{white-space:nowrap}
details{margin:0 0 14px}
summary{cursor:pointer;color:var(--blue);font-size:14px;padding:4px 0 8px}
svg text{font-size:12px;fill:var(--soft)}
svg .name{fill:var(--ink);font-size:13px}svg .value{fill:var(--ink);font-weight:600}svg .faint{fill:var(--faint)}
svg .rule{stroke:var(--line)}svg .track{fill:var(--well)}svg .fill{fill:var(--blue)}svg .soft{fill:var(--blue-soft)}
svg .bad{fill:var(--red)}svg .good{fill:var(--green)}svg .fair{fill:var(--amber)}
svg .dot{fill:var(--blue)}svg .line{stroke:var(--violet);stroke-width:2;stroke-linecap:round}
svg .edge{stroke:var(--red);stroke-width:1.5;stroke-dasharray:3 3}
.flame{position:relative}.flame span{position:absolute;height:28px;padding:0 6px;border-radius:4px;
box-shadow:inset 0 0 0 .75px var(--card);font-size:13px;line-height:28px;white-space:nowrap;overflow:hidden;
text-overflow:ellipsis}
.flame .fill{background:var(--blue);color:var(--card)}.flame .soft{background:var(--blue-soft);color:var(--ink)}
.flame .narrow{padding:0;font-size:0}
@media (min-width:900px){.changes:has(>:nth-child(4):last-child){grid-template-columns:repeat(4,1fr)}
.changes:has(>:nth-child(5):last-child){grid-template-columns:repeat(5,1fr)}}
@media (max-width:720px){.beside{grid-template-columns:minmax(0,1fr)}}
@media (max-width:560px){header,main{padding-left:16px;padding-right:16px}header{padding-top:24px}h1{font-size:24px}
h2{font-size:18px}.verdict{font-size:16px}.changes{grid-template-columns:repeat(2,minmax(0,1fr));gap:10px}
.change{padding:12px 14px}.change:last-child:nth-child(odd){grid-column:span 2}
.change .after{font-size:20px}figure{padding:14px}th,td{padding:7px 10px}th{white-space:normal;vertical-align:bottom}
dl div{grid-template-columns:minmax(0,1fr);gap:0}.flame .slim{padding:0;font-size:0}}
@media print{body{background:#fff}nav{display:none}section{break-inside:avoid}}
"""
