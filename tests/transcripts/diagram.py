"""A played scenario as a Mermaid sequence diagram, and its place in a page between two marker comments.

Rule: a Step's writes stand above what it sent, because they were durable before. Drawn are all messages but heartbeats,
the writes that seeds and unlearning rest on, and erasures.
"""

import re

from tests.transcripts.recording import Moment, Sent
from tests.transcripts.scenario import Played

DRAWN_WRITES = ("phase", "tombstone", "erasure", "seed", "grant", "proof", "receipt of", "receipt owed", "job epoch")
DRAWN_ACTS = ("Erase",)
LEFT_OUT = ("Heartbeat",)
MARKED = re.compile(r"(<!-- transcript: ([\w-]+) -->\n)(.*?)(<!-- end of transcript -->)", re.DOTALL)


def diagram(played: Played) -> str:
    """The Mermaid text, from `sequenceDiagram` on."""
    lines = [line for scene in played.scenes for line in (_banner(played, scene.sentence), *_drawn(scene.moments))]
    return "\n".join(["sequenceDiagram", *(f"  participant {who}" for who in _people(played)), *lines])


def _people(played: Played) -> list[str]:
    moments = [moment for scene in played.scenes for moment in scene.moments]
    return sorted({moment.who for moment in moments} | {sent.to for moment in moments for sent in moment.sends})


def _banner(played: Played, sentence: str) -> str:
    people = _people(played)
    over = ",".join(dict.fromkeys((people[0], people[-1])))
    return f"  Note over {over}: {sentence}"


def _drawn(moments: tuple[Moment, ...]) -> list[str]:
    return [line for moment in moments for line in _moment(moment)]


def _moment(moment: Moment) -> list[str]:
    noted = [text for text in moment.writes if text.startswith(DRAWN_WRITES)]
    acts = [text for text in moment.acts if text.startswith(DRAWN_ACTS)]
    sent = [sent for sent in (*moment.sends, *moment.keys) if not sent.text.startswith(LEFT_OUT)]
    note = [f"  Note over {moment.who}: {'<br/>'.join(noted + acts)}"] if noted + acts else []
    return [*note, *(_arrow(moment.who, one) for one in sent)]


def _arrow(who: str, sent: Sent) -> str:
    return f"  {who}{'-x' if sent.is_lost else '->>'}{sent.to}: {sent.text}"


# --- in a page --------------------------------------------------------------------------------------------------------
def shown_in(page: str) -> list[str]:
    """The names of the scenarios that the page has a place for."""
    return [found[1] for found in MARKED.findall(page)]


def put_into(page: str, played: dict[str, Played]) -> str:
    """The page with every diagram as it is now. Raises KeyError for a marker of no scenario."""
    return MARKED.sub(lambda found: found[1] + _block(found[2], played[found[2]]) + found[4], page)


def _block(name: str, played: Played) -> str:
    source = f"tests/transcripts/scenarios/{name}.txt"
    return f"*{played.title}* ([transcript](../{source}))\n\n```mermaid\n{diagram(played)}\n```\n"
