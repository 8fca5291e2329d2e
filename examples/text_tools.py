"""An MCP server with two tools. By itself it speaks over stdio: ``stdio:python examples/text_tools.py``."""

from __future__ import annotations

from collections import Counter
from statistics import correlation

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

server = MCPServer("text-tools", log_level="WARNING")


class WordStatistics(BaseModel):
    """What `word_statistics` answers."""

    words: int
    longest: str
    most_frequent: list[str]


class Correlation(BaseModel):
    """What `correlate` answers."""

    correlation: float
    samples: int


@server.tool()
def word_statistics(texts: list[str]) -> WordStatistics:
    """Counts the words of all texts together; the most frequent ones have at least five letters."""
    words = [word.strip(".,:;!?\"'()").lower() for text in texts for word in text.split()]
    frequent = Counter(sorted(word for word in words if len(word) >= 5)).most_common(3)
    return WordStatistics(
        words=len(words),
        longest=max(words, key=len, default=""),
        most_frequent=[word for word, _ in frequent],
    )


@server.tool()
def correlate(x: list[float], y: list[float]) -> Correlation:
    """Pearson's correlation of two equally long lists of numbers."""
    return Correlation(correlation=round(correlation(x, y), 4), samples=len(x))


if __name__ == "__main__":
    server.run()
