"""The pools that polecats' names come from; past their end, numbers."""

from collections.abc import Set

_POOLS = {
    "mad-max": """
        furiosa nux slit rictus capable toast dag cheedo valkyrie keeper ace morsov immortan corpus organic
        doof bullet ripsaw coma max goose fifi toecutter bubba cundalini johnny mudguts starbuck jessie
        sprog wez humungus pappagallo feral gyro zetta warrior lusty nathan curmudgeon aunty blaster ironbar
        savannah scrooloose jedediah pigkiller collector blackfinger tonton
    """,
    "minerals": """
        agate amber apatite azurite barite beryl calcite cinnabar citrine copper corundum diamond diopside
        dolomite emerald epidote fluorite galena garnet graphite gypsum halite hematite iolite jade jasper
        kyanite lazurite magnetite malachite mica nickel olivine onyx opal peridot pyrite quartz rhodonite
        ruby rutile sapphire serpentine silver spinel sulfur talc topaz tourmaline zircon
    """,
    "wasteland": """
        ash badlands barrel bolt bramble brick cactus canyon cinder cog coyote crow diesel drifter dune dust
        ember flint gasket gravel grit gulch hollow husk iron jackal junk lantern mesa mirage nomad oasis
        pipe piston quarry raven rivet rubble rust salt scrap shard silo slag spark stray tank thorn vulture
        wrench
    """,
}
THEMES: dict[str, tuple[str, ...]] = {theme: tuple(names.split()) for theme, names in _POOLS.items()}


def choose_name(taken: Set[str], theme: str) -> str:
    """The first free name of `theme`, else `polecat-<n>` from 51 on."""
    for name in THEMES.get(theme, THEMES["mad-max"]):
        if name not in taken:
            return name
    number = 51
    while f"polecat-{number}" in taken:
        number += 1
    return f"polecat-{number}"
