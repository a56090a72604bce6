"""Where data can be processed, by ISO 3166-1 alpha-2 code, and whether that is outside mainland China.

A table and not free text: registers, lists and the question "does it leave mainland China?" need one spelling. Hong Kong,
Macao and Taiwan are regions of China whose data laws are their own: what goes there leaves the mainland (境外) in the sense
of the Personal Information Protection Law.
"""

from guiju.errors import Said

MAINLAND = "CN"

PLACES: dict[str, Said] = {
    "CN": Said("mainland China", "中国境内（内地）"),
    "HK": Said("Hong Kong, China", "中国香港"),
    "MO": Said("Macao, China", "中国澳门"),
    "TW": Said("Taiwan, China", "中国台湾"),
    "SG": Said("Singapore", "新加坡"),
    "JP": Said("Japan", "日本"),
    "KR": Said("South Korea", "韩国"),
    "MY": Said("Malaysia", "马来西亚"),
    "ID": Said("Indonesia", "印度尼西亚"),
    "TH": Said("Thailand", "泰国"),
    "VN": Said("Vietnam", "越南"),
    "PH": Said("Philippines", "菲律宾"),
    "IN": Said("India", "印度"),
    "AE": Said("United Arab Emirates", "阿联酋"),
    "SA": Said("Saudi Arabia", "沙特阿拉伯"),
    "QA": Said("Qatar", "卡塔尔"),
    "IL": Said("Israel", "以色列"),
    "US": Said("United States", "美国"),
    "CA": Said("Canada", "加拿大"),
    "MX": Said("Mexico", "墨西哥"),
    "BR": Said("Brazil", "巴西"),
    "CL": Said("Chile", "智利"),
    "GB": Said("United Kingdom", "英国"),
    "IE": Said("Ireland", "爱尔兰"),
    "FR": Said("France", "法国"),
    "DE": Said("Germany", "德国"),
    "NL": Said("Netherlands", "荷兰"),
    "BE": Said("Belgium", "比利时"),
    "LU": Said("Luxembourg", "卢森堡"),
    "ES": Said("Spain", "西班牙"),
    "IT": Said("Italy", "意大利"),
    "PL": Said("Poland", "波兰"),
    "SE": Said("Sweden", "瑞典"),
    "FI": Said("Finland", "芬兰"),
    "NO": Said("Norway", "挪威"),
    "DK": Said("Denmark", "丹麦"),
    "CH": Said("Switzerland", "瑞士"),
    "AT": Said("Austria", "奥地利"),
    "RU": Said("Russia", "俄罗斯"),
    "ZA": Said("South Africa", "南非"),
    "AU": Said("Australia", "澳大利亚"),
    "NZ": Said("New Zealand", "新西兰"),
    "EU": Said("European Union, several countries", "欧盟（多个国家）"),
    "ZZ": Said("another country or region, or several", "其他国家或地区（或多地）"),
}
"""EU is reserved by ISO 3166, ZZ left to users."""


def outside(code: str) -> bool:
    """Whether what goes there leaves mainland China. Where nobody has said, nobody knows: False."""
    return code not in ("", MAINLAND)
