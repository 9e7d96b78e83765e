# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark inside every swapped picture: made with a trained algorithm, in the press's own vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from ..contract.swap_folder import DIGITAL_SOURCE_TYPE

# A name space of our own for what made the picture; a URN, so that it points to no host.
DETAILS_NAMESPACE = "urn:understudy:composite:1.0:"


def composite_xmp(generator: str, details: Mapping[str, str]) -> bytes:
    """Return an XMP packet that says a trained algorithm composited the picture.

    Args:
        generator: Program and version, shown as the creator tool.
        details: What made it, for example model and source; keys must be XML names.

    Returns:
        UTF-8 packet for `write_png`. `Iptc4xmpExt:DigitalSourceType` follows the IPTC photo metadata standard 2023.1.
    """
    own = "".join(f"\n   <understudy:{key}>{escape(value)}</understudy:{key}>" for key, value in details.items())
    packet = f"""<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:understudy={quoteattr(DETAILS_NAMESPACE)}>
   <xmp:CreatorTool>{escape(generator)}</xmp:CreatorTool>
   <Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>{own}
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""
    return packet.encode("utf-8")
