"""Area codes of the North American Numbering Plan: in service or not, geographic or not, time zones, overlays.

An area-code region is a complex of overlaid codes (`415/628`) or a single code. A code that serves two complexes at
once (917: Manhattan and Brooklyn) joins neither; a non-geographic code (toll-free, premium) is never a region.

Source of the table: NANPA's public area code database, report of 2025-11-26 (nanpa.com, "NPA report"); states and
provinces by their postal letters, countries by ISO 3166 in three. Two area codes are one region when one lists the
other, whichever does. One list is left out: that of 734 (Michigan) names 679 for a relief that is suspended, and 679
and 313 do not name 734. The report gives zones as letters; the IANA names, and the second zones of 709, 879, 907 and
986, are by place. A test compares the two.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

_TABLE = """
AK America/Anchorage|America/Adak 907
AL America/Chicago 205/659 251 256/938 334/483+
AR America/Chicago 327/870 479 501
AS Pacific/Pago_Pago 684
AZ America/Phoenix 480/602/623 520 928
CA America/Los_Angeles 209/350 213/323/738 279/916 310/424 341/510 357/559 369/707 408/669 415/628 442/760 530/837 562
CA America/Los_Angeles 619/858 626 650 657/714 661 747/818 805/820 831 840/909 925 949 951
CO America/Denver 303/720/983 719 748/970
CT America/New_York 203/475 860/959
DC America/New_York 202/771
DE America/New_York 302
FL America/New_York 239 305/645/786 321/407/689 324/904 352 386 561/728 656/813 727 754/954 772 863 941
FL America/New_York|America/Chicago 448/850
GA America/New_York 229 404/470/678/770 478 565-/912 706/762 943*
GU Pacific/Guam 671
HI Pacific/Honolulu 808
IA America/Chicago 319 515 563 641 712
ID America/Boise|America/Los_Angeles 208/986
IL America/Chicago 217/447 224/847 309/861 312 331/630 464/708 618/730 773 779/815 872*
IN America/New_York 260 317/463 765
IN America/New_York|America/Chicago 219 574 812/930
KS America/Chicago 316 913
KS America/Chicago|America/Denver 620 785
KY America/New_York 502/761- 859
KY America/New_York|America/Chicago 270/364 606
LA America/Chicago 225 318/457 337 504 985
MA America/New_York 339/781 351/978 413 508/774 617/857
MD America/New_York 227/240/301 410/443/667
ME America/New_York 207
MI America/New_York 231 248/947 269 313/679 517 586 616 734 810 989
MI America/New_York|America/Chicago 906
MN America/Chicago 218 320 507/924 612 651 763 952
MO America/Chicago 235/573 314/557 417 636 660 816/975
MP Pacific/Saipan 670
MS America/Chicago 228 471+/662 601/769
MT America/Denver 406
NC America/New_York 252 336/743 472/910 704/980 828 919/984
ND America/Chicago|America/Denver 701
NE America/Chicago 402/531
NE America/Chicago|America/Denver 308
NH America/New_York 603
NJ America/New_York 201/551 609/640 732/848 856 862/973 908
NM America/Denver 505 575
NV America/Los_Angeles 702/725
NV America/Los_Angeles|America/Denver 775
NY America/New_York 212/332/646 315/680 329/845 347/465+/718/929 363/516 518/838 585 607 624/716 631/934 914 917*
OH America/New_York 216 220/740 234/330 283/513 326/937 380/614 419/567 436/440
OK America/Chicago 405/572 539/918 580
OR America/Los_Angeles 503/971
OR America/Los_Angeles|America/Boise 458/541
PA America/New_York 215/267/445 223/717 272/570 412 484/610/835 582/814 724 878*
PR America/Puerto_Rico 787/939
RI America/New_York 401
SC America/New_York 803/839 821/864 843/854
SD America/Chicago|America/Denver 605
TN America/Chicago 615/629 731 901
TN America/New_York 865
TN America/New_York|America/Chicago 423/729 931
TX America/Chicago 210/726 214/469/945/972 254 281/346/621/713/832 325 361 409 430/903 432 512/737 682/817 806 830 936
TX America/Chicago 940 956 979
TX America/Denver|America/Chicago 915
UT America/Denver 385/801 435
VA America/New_York 276 434 540/826 571/703 686/804 757/948
VI America/St_Thomas 340
VT America/New_York 802
WA America/Los_Angeles 206 253 360 425 509 564*
WI America/Chicago 262 274/920 353/608 414 534/715
WV America/New_York 304/681
WY America/Denver 307
AB America/Edmonton 368/403/587/780/825
BC America/Vancouver 236/250/257/604/672/778
MB America/Winnipeg 204/431/584
NB America/Moncton 428/506
NL America/St_Johns|America/Goose_Bay 709/879
NS America/Halifax 782/902
NT America/Edmonton|America/Whitehorse|America/Winnipeg|America/Iqaluit 867
ON America/Toronto 226/382/519/548 249/683/705 289/365/742/905 343/613/753 416/437/647/942
ON America/Toronto|America/Winnipeg 807
QC America/Toronto 263/438/514 273+/367/418/581 354/450/579 468/819/873
SK America/Regina 306/474/639
ATG America/Antigua 268
AIA America/Anguilla 264
BRB America/Barbados 246
BMU Atlantic/Bermuda 441
BHS America/Nassau 242
DMA America/Dominica 767
DOM America/Santo_Domingo 809/829/849
GRD America/Grenada 473
JAM America/Jamaica 658/876
KNA America/St_Kitts 869
CYM America/Cayman 345
LCA America/St_Lucia 758
MSR America/Montserrat 664
SXM America/Lower_Princes 721
TCA America/Grand_Turk 649
TTO America/Port_of_Spain 868
VCT America/St_Vincent 784
VGB America/Tortola 284
"""
"""One line per place and time zones (most customers' zone first): codes, `/` between codes of one overlay complex.

Marks: `*` serves two complexes and joins none, `+` has a date of service later than the report, `-` has none yet.
"""

_NON_GEOGRAPHIC = (
    "500 521 522 523 524 525 526 527 528 529 532 533 538 544 566 577 588 600 "
    "622 633 700 710 800 833 844 855 866 877 888 900"
)
"""In service, and nowhere: personal, government, toll-free and premium numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaCode:
    """What is known of one area code."""

    code: str
    in_service: bool
    place: str = ""  # state, province or country; "" = non-geographic
    region: str = ""  # code of its region; "" = none: non-geographic, or in two complexes
    time_zones: tuple[str, ...] = ()  # IANA; more than one when the area code alone does not tell

    @property
    def is_geographic(self) -> bool:
        """Tell whether it belongs to a place at all."""
        return bool(self.place)


class NumberingPlan:
    """The area codes as a company sees them: the public plan, with overlays of its own added or put in its place.

    `overlays` are pairs of a region code and the area codes that share it; each area code belongs to the overlay that
    names it and leaves the complex of the public plan.
    """

    def __init__(self, overlays: Iterable[tuple[str, Iterable[str]]] = ()) -> None:
        named = {code: region for region, codes in overlays for code in codes if _PUBLIC.get(code, _NOWHERE).place}
        self._codes = dict(_PUBLIC)
        for code, region in named.items():
            self._codes[code] = _in_region(_PUBLIC[code], region)
        for region in {_PUBLIC[code].region for code in named} - {""}:
            rest = [code for code in region.split("/") if code not in named]
            for code in rest:
                self._codes[code] = _in_region(_PUBLIC[code], "/".join(rest))
        self._regions: dict[str, list[AreaCode]] = {}
        zones: dict[str, set[str]] = {}
        for known in self._codes.values():
            if known.region:
                self._regions.setdefault(known.region, []).append(known)
            zones.setdefault(known.place, set()).update(known.time_zones)
        self._zones_of_places = {place: found.pop() for place, found in zones.items() if len(found) == 1}

    def __iter__(self) -> Iterator[AreaCode]:
        """Give every area code of the table, in service or not."""
        return iter(self._codes.values())

    def find(self, code: str) -> AreaCode | None:
        """Return what is known of an area code, or None when it is not assigned."""
        return self._codes.get(code)

    def region_of(self, code: str) -> str | None:
        """Return the code of the region an area code lies in, or None when it lies in none or in two."""
        known = self._codes.get(code)
        return known.region or None if known is not None else None

    def region_named(self, text: str) -> str | None:
        """Return the region meant by an area code, a region code, or codes joined by `/` in any order; else None."""
        text = text.strip().removeprefix("+1").strip()
        if text in self._regions:
            return text
        members = [self._codes.get(code.strip()) for code in text.split("/")]
        regions = {member.region if member is not None else text for member in members} - {""}  # 917 joins none
        found = regions.pop() if len(regions) == 1 else None
        return found if found in self._regions else None

    def time_zones_of(self, code: str) -> tuple[str, ...]:
        """Return the IANA zones of an area code or of an area-code region; empty when it has none."""
        known = self._codes.get(code)
        if known is not None:
            return known.time_zones
        return tuple(dict.fromkeys(zone for member in self._regions.get(code, ()) for zone in member.time_zones))

    def time_zone_of_place(self, place: str) -> str:
        """Return the zone of a state, province or country, or an empty string when it has several or is unknown."""
        return self._zones_of_places.get(place.upper(), "")


def area_code_of(phone: str) -> str | None:
    """Return the area code of an E.164 number of the North American plan, or None for any other number."""
    return phone[2:5] if phone.startswith("+1") and len(phone) == 12 else None


def problems(overlays: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    """Return what is wrong with configured overlays, one sentence each."""
    found: list[str] = []
    seen: dict[str, str] = {}
    for region, codes in overlays:
        for code in codes:
            known = _PUBLIC.get(code)
            if known is None:
                found.append(f"overlay '{region}': {code} is not an area code of the North American plan")
            elif not known.is_geographic:
                found.append(f"overlay '{region}': {code} is not geographic (toll-free or the like), so never a region")
            elif code in seen:
                found.append(f"overlay '{region}': {code} is already in overlay '{seen[code]}'")
            seen.setdefault(code, region)
    return found


def _in_region(known: AreaCode, region: str) -> AreaCode:
    return AreaCode(
        code=known.code, in_service=known.in_service, place=known.place, region=region, time_zones=known.time_zones
    )


def _read(table: str, non_geographic: str) -> Mapping[str, AreaCode]:
    codes = {code: AreaCode(code=code, in_service=True) for code in non_geographic.split()}
    for line in table.strip().splitlines():
        place, zones, *complexes = line.split()
        for joined in complexes:
            region = "/".join(mark.rstrip("+-") for mark in joined.split("/"))
            for mark in joined.split("/"):
                code = mark[:3]
                codes[code] = AreaCode(
                    code=code,
                    # A code with a date is accepted before it: the table must not turn a customer's number away.
                    in_service=not mark.endswith("-"),
                    place=place,
                    region="" if mark.endswith("*") else region,
                    time_zones=tuple(zones.split("|")),
                )
    return dict(sorted(codes.items()))


_NOWHERE = AreaCode(code="", in_service=False)
_PUBLIC = _read(_TABLE, _NON_GEOGRAPHIC)
PUBLIC_PLAN = NumberingPlan()
"""The numbering plan without a company's own overlays."""
