"""In which light a clip was recorded, as an expression over its row."""

import sqlalchemy as sa

from watcher.catalog.schema import clips, sun

# The sun's word, else the picture's; one look along the table's key.
LIGHT = sa.func.coalesce(
    sa.select(sun.c.light)
    .where(sun.c.at_ms <= clips.c.started_ms)
    .order_by(sun.c.at_ms.desc())
    .limit(sa.literal_column("1"))
    .correlate(clips)
    .scalar_subquery(),
    clips.c.light,
)
