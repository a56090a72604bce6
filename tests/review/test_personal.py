"""Each kind is found as people write it, its near misses are not, and a stream finds what the whole text finds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guiju.review.canon import canonical
from guiju.review.personal import bank_card, credit_code, resident_id
from guiju.review.personal.scanner import CLASSES, Personal

ID = "11010519491231002X"  # the example of GB 11643
CARD = "6222021234567890128"
CODE = "91350100M000100Y43"  # the example of GB 32100
KEY = "sk-proj-a1b2c3d4e5f6a1b2c3d4e5f6"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"


def luhn_card(start: str) -> str:
    return next(start + d for d in "0123456789" if bank_card.luhn(start + d))


CARD = luhn_card(CARD[:18])


def scan(text, cuts=(), acting=CLASSES):
    shape = canonical(text).text
    scanner, findings, safe, last = Personal().scanner(acting, "output"), [], 0, 0
    for cut in [*sorted({min(c, len(shape)) for c in cuts}), len(shape)]:
        step = scanner.feed(shape[last:cut])
        assert all(f.start >= safe for f in step.findings), (step, safe)
        assert step.safe_up_to >= safe
        findings, safe, last = findings + step.findings, step.safe_up_to, cut
    return findings + scanner.close()


def spans(findings):
    """Class and characters, those that go on joined."""
    joined = []
    for f in sorted(findings, key=lambda f: (f.rule, f.start)):
        if joined and joined[-1][0] == f.cls and joined[-1][2] == f.start and joined[-1][3]:
            joined[-1] = (f.cls, joined[-1][1], f.end, f.going_on)
        else:
            joined.append((f.cls, f.start, f.end, f.going_on))
    return {(cls, start, end) for cls, start, end, _ in joined}


def found(text):
    whole = canonical(text)
    return {(cls, text[slice(*whole.span(start, end))]) for cls, start, end in spans(scan(text))}


HITS = [
    ("I.resident_id", f"身份证{ID}。", ID),
    ("I.resident_id", f"id={ID.lower()},", ID.lower()),
    ("I.resident_id", "号码 110105 19491231 002X 收", "110105 19491231 002X"),
    ("I.resident_id", "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X", "1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X"),
    ("I.mobile", "电话13893393106。", "13893393106"),
    ("I.mobile", "电话１３８９３３９３１０６。", "１３８９３３９３１０６"),
    ("I.mobile", "打135-3493-6878", "135-3493-6878"),
    ("I.mobile", "打135 3493 6878", "135 3493 6878"),
    ("I.mobile", "号是（+86）18684660762，", "（+86）18684660762"),
    ("I.mobile", "+86 138 0013 8000", "+86 138 0013 8000"),
    ("I.mobile", "8613800138000", "8613800138000"),
    ("I.mobile", '{"phone":13800138000}', "13800138000"),
    ("I.mobile", "①13800138000②13900139000", "13800138000"),
    ("I.mobile", "打138.0013.8000。", "138.0013.8000"),
    ("I.mobile", "19412345678", "19412345678"),
    ("I.mobile", "173 7292 3992 2024-01-01", "173 7292 3992"),
    ("I.mobile", "阿里云13800138000", "13800138000"),
    ("I.resident_id", f"证件ID{ID}", ID),
    ("I.landline", "010-62345678", "010-62345678"),
    ("I.landline", "(0755)82345678", "(0755)82345678"),
    ("I.landline", "电话02162345678", "02162345678"),
    ("I.bank_card", f"卡号{CARD}，", CARD),
    ("I.bank_card", "4367 4280 8424 1415 261", "4367 4280 8424 1415 261"),
    ("I.bank_card", "4111 1111 1111 1111 5555 5555 5555 4444", "4111 1111 1111 1111"),
    ("I.credit_code", f"代码{CODE}，", CODE),
    ("I.passport", "护照号EB9661092，", "EB9661092"),
    ("I.passport", "护照P12345678", "P12345678"),
    ("I.passport", "My passport number is: D12345678.", "D12345678"),
    ("I.passport", "外交护照DE1234567", "DE1234567"),
    ("I.passport", "香港护照KJ1234567", "KJ1234567"),
    ("I.passport", "港澳通行证C12345678", "C12345678"),
    ("I.plate", "车牌浙BDPH32H的", "浙BDPH32H"),
    ("I.plate", "京A 12345", "京A 12345"),
    ("I.plate", "车牌：京 A·12345", "京 A·12345"),
    ("I.plate", "教练车京A1234学停在", "京A1234学"),
    ("I.plate", "粤Z1234港", "粤Z1234港"),
    ("I.plate", "京A12345", "京A12345"),
    ("I.plate", "沪A·12345", "沪A·12345"),
    ("I.email", "到test.user259@company.cn或者", "test.user259@company.cn"),
    ("I.email", "...john.doe+news@sub.example.co.uk--John", "john.doe+news@sub.example.co.uk"),
    ("I.email", "a@example.xn--fiqs8s", "a@example.xn--fiqs8s"),
    ("I.ip.public", "IP是43.175.62.41，", "43.175.62.41"),
    ("I.ip.private", "192.168.1.10", "192.168.1.10"),
    ("I.api_key", f"key: {KEY} 。", KEY),
    ("I.api_key", "AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ("I.api_key", "password: Xk29fjq0ZmLw83hdTTy1q", "Xk29fjq0ZmLw83hdTTy1q"),
    ("I.private_key", f"a {PEM} b", PEM),
    ("I.address", "请把快递寄到四川省成都市武侯区天府大道190号，", "四川省成都市武侯区天府大道190号"),
    ("I.address", "她住在北京市海淀区中关村南大街320号2栋4单元1975室。", "北京市海淀区中关村南大街320号2栋4单元1975室"),
    ("I.address", "地址：上海市浦东新区世纪大道412号，", "上海市浦东新区世纪大道412号"),
]


@pytest.mark.parametrize(("cls", "text", "part"), HITS, ids=[f"{h[0]} {h[2][:12]}" for h in HITS])
def test_it_finds(cls, text, part):
    assert (cls, part) in found(text)


MISSES = [
    "110105194912310021",  # check character
    "11010519490231002X",  # 31 February
    "99010519491231002X",  # no such province
    "5" + ID,
    "12893393106",
    "138933931061",
    "1389339310",
    "no13893393106",
    "3.13893393106",
    CARD[:-1] + str((int(CARD[-1]) + 1) % 10),
    "6212265984555143976",
    CODE[:-1] + "5",
    "400-820-2484",
    "2026年11月24日14:30",
    "600519",
    "圆周率是3.14159265358979",
    "D12345678",
    "云server",
    "版本1.2.3.4",
    "a@b",
    "user@@x.com",
    "sk-learn-is-a-library-for-machines",
    "this_is_a_rather_long_identifier_name",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "订单号20261124143000123456789",
    "430102199002303507",  # an impossible date; the Luhn digit of a card holds
    "450102196007223852",  # a wrong check character; the Luhn digit of a card holds
    "9558 8008 8277 7816 764",  # a wrong card, whose first sixteen digits are a right one
    "6222 0212 1380 0138 000",  # a wrong card, which ends in a mobile number
    "3601-0219-4405-0338-9X",
    "866314108748884",  # a device's IMEI
    "4711803352580",  # a German article number
    "git clone git@github.com:org/repo.git",
    "icon@2x.png",
    "vue@next.js",
    "订单号E20241124",
    "model E12345678",
    "国产大飞机C919",
    "云 A12345",
]


@pytest.mark.parametrize("text", MISSES)
def test_it_leaves_alone(text):
    assert found(text) == set()


PIECES = st.lists(
    st.sampled_from(
        [h[1] for h in HITS] + MISSES + ["。", " ", "-", "京", "a", "1", "@", "（", "+86", "号", "浙B", "sk-", "-----"]
    ),
    max_size=6,
).map("".join)  # fmt: skip


@given(PIECES, st.lists(st.integers(0, 150), max_size=8))
@settings(max_examples=300)
def test_a_stream_finds_what_the_whole_text_finds(text, cuts):
    whole = spans(scan(text))
    assert spans(scan(text, cuts)) == whole
    assert spans(scan(text, range(len(text)))) == whole


@given(PIECES | st.lists(st.sampled_from([h[1] for h in HITS]), min_size=1, max_size=2).map("x".join))
@settings(max_examples=2000)
def test_a_text_that_looks_clear_holds_nothing(text):
    if Personal().clear(canonical(text).text):
        assert found(text) == set()


@given(st.integers(0, 400), st.sampled_from("a1-"), st.lists(st.integers(0, 500), max_size=4))
def test_a_long_run_before_a_number_changes_nothing(length, char, cuts):
    text = char * length + "-13800138000 " + "x" * 30
    assert spans(scan(text, cuts)) == spans(scan(text)) == spans(scan(text, range(len(text))))


def test_it_holds_nothing_of_chinese_prose():
    scanner = Personal().scanner(CLASSES - {"I.address"}, "output")
    assert scanner.feed("今天的天气很好，我们去公园").safe_up_to == 13
    assert scanner.feed("。").safe_up_to == 14


def test_it_holds_an_open_run_only_where_a_class_acts():
    assert Personal().scanner(frozenset({"I.email"}), "output").feed("写给 john").safe_up_to == 3
    assert Personal().scanner(frozenset(), "output").feed("写给 john").safe_up_to == 7


def test_a_private_key_is_told_before_its_end_is_known():
    scanner = Personal().scanner(CLASSES, "output")
    first = scanner.feed("x -----BEGIN PRIVATE KEY-----\nMII".lower())
    assert first.findings[0].going_on
    assert spans(first.findings) == {("I.private_key", 2, 33)}
    assert [f.start for f in scanner.feed("abc").findings] == [33]


def test_a_key_is_told_as_it_grows_and_holds_nothing_then():
    scanner = Personal().scanner(CLASSES - {"I.address"}, "output")
    told = scanner.feed(KEY[:28])
    assert spans(told.findings) == {("I.api_key", 0, 28)}
    assert told.safe_up_to == 28
    assert spans(scanner.feed("zz").findings) == {("I.api_key", 28, 30)}


def test_check_digits_by_their_standards():
    assert resident_id.valid(ID.lower())
    assert credit_code.valid(CODE.lower())
    assert bank_card.luhn("4111111111111111")
    assert not bank_card.luhn("4111111111111112")
