"""What libraries and the system say, in Chinese: the reasons that sentences of ours quote as {problem}.

Pure. Known by the exception's class and its own attributes where it has any, by the text of its message where it hasn't. What
isn't known stays as it is: a reason in English is better than a guess.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping

from guiju.errors import Said

CLASSES = {
    "builtins.RecursionError": "嵌套过深",
    "builtins.TimeoutError": "超时",
    "builtins.UnicodeDecodeError": "字节偏移 {0.start} 处不是 UTF-8",
    "http.BadStatusLine": "回答不是 HTTP",
    "http.RemoteDisconnected": "对方没有回答就断开了连接",
    "jwt.ExpiredSignatureError": "已过期",
    "jwt.ImmatureSignatureError": "尚未生效",
    "jwt.InvalidAlgorithmError": "签名算法与该应用的密钥不符",
    "jwt.InvalidAudienceError": "受众（aud）不符",
    "jwt.InvalidSignatureError": "签名不符",
    "jwt.MissingRequiredClaimError": "缺少声明 {0.claim}",
    "yaml.ReaderError": "字符偏移 {0.position} 处有不允许的字符 U+{0.character:04X}",
}
"""`package.Class` -> what it says; {0} is the exception."""

SYSTEM = {
    errno.EACCES: "没有权限",
    errno.EADDRINUSE: "地址已被占用",
    errno.EADDRNOTAVAIL: "本机没有这个地址",
    errno.EAFNOSUPPORT: "本机不支持这种地址",
    errno.ECONNABORTED: "连接被中止",
    errno.ECONNREFUSED: "连接被拒绝",
    errno.ECONNRESET: "连接被重置",
    errno.EDQUOT: "超出磁盘配额",
    errno.EFBIG: "文件过大",
    errno.EHOSTUNREACH: "主机不可达",
    errno.EIO: "读写出错",
    errno.EISDIR: "这是文件夹，不是文件",
    errno.ELOOP: "符号链接层数过多",
    errno.EMFILE: "本进程打开的文件过多",
    errno.ENAMETOOLONG: "文件名过长",
    errno.ENETUNREACH: "网络不可达",
    errno.ENFILE: "系统打开的文件过多",
    errno.ENOENT: "没有这个文件或文件夹",
    errno.ENOMEM: "内存不足",
    errno.ENOSPC: "磁盘已满",
    errno.ENOTDIR: "路径中有一段不是文件夹",
    errno.EPERM: "不允许此操作",
    errno.EPIPE: "对方已关闭连接",
    errno.EROFS: "文件系统只读",
    errno.ETIMEDOUT: "连接超时",
    -2: "域名无法解析",  # getaddrinfo: EAI_NONAME, EAI_AGAIN, EAI_NODATA
    -3: "域名暂时无法解析",
    -5: "域名没有对应的地址",
}
"""Numbers of OSError."""

TLS = {
    9: "对方的证书尚未生效",  # OpenSSL's X509_V_ERR_…
    10: "对方的证书已过期",
    18: "对方的证书是自签名的，本机并不信任",
    19: "对方的证书链以自签名证书结尾，本机并不信任",
    20: "本机不信任签发对方证书的机构",
    21: "对方没有给出完整的证书链",
    23: "对方的证书已被吊销",
    26: "对方的证书不用于此目的",
    62: "对方的证书不是签发给这个主机名的",
    64: "对方的证书不是签发给这个 IP 地址的",
    "RECORD_LAYER_FAILURE": "对方没有使用 TLS",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "对方拒绝了 TLS 握手",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "对方要求客户端证书",
    "TLSV1_ALERT_PROTOCOL_VERSION": "对方不支持此 TLS 版本",
    "UNEXPECTED_EOF_WHILE_READING": "对方在 TLS 握手时断开了连接",
    "UNSUPPORTED_PROTOCOL": "对方的 TLS 版本过低",
    "WRONG_VERSION_NUMBER": "对方没有使用 TLS",
}
"""Why a certificate isn't trusted (`verify_code`), or why there is no TLS (`reason`)."""

_YAML = {
    "but found another document": "一个文件只能有一份文档，此处又开始了一份",
    "could not find expected ':'": "缺少“:”",
    "expected ',' or ']', but got {found}": "应为“,”或“]”，此处却是{found}",
    "expected ',' or '}}', but got {found}": "应为“,”或“}}”，此处却是{found}",
    "expected '<document start>', but found {found}": "上文已经结束，此处却还有{found}",
    "expected '>', but found {found}": "缺少“>”，此处却是{found}",
    "expected <block end>, but found {found}": "缩进或结构与上文不符，此处多出{found}",
    "expected a comment or a line break, but found {found}": "应为注释或换行，此处却是{found}",
    "expected alphabetic or numeric character, but found {found}": "应为字母或数字，此处却是{found}",
    "expected chomping or indentation indicators, but found {found}": "“|”或“>”之后只能写 +、- 或缩进数，此处却是{found}",
    "expected escape sequence of {n} hexadecimal numbers, but found {found}": "转义须有 {n} 位十六进制数字，此处却是{found}",
    "expected indentation indicator in the range 1-9, but found 0": "“|”或“>”之后的缩进数应为 1 到 9，而不是 0",
    "expected the node content, but found {found}": "此处应有一个值，却是{found}",
    r"found character '\t' that cannot start any token": "不能用制表符（Tab）缩进",
    "found character {found} that cannot start any token": "{found}不能用在开头",
    "found duplicate YAML directive": "重复的 %YAML 指令",
    "found incompatible YAML document (version 1.* is required)": "只支持 YAML 1.x",
    "found undefined alias {name}": "没有名为{name}的锚点",
    "found undefined tag handle {name}": "标签前缀{name}没有定义",
    "found unexpected document separator": "引号尚未闭合，却出现了文档分隔符",
    "found unexpected end of stream": "引号没有闭合，文件就结束了",
    "found unknown escape character {found}": "不认识的转义字符{found}",
    "mapping keys are not allowed here": "此处不能写键",
    "mapping values are not allowed here": "此处不能再写“键: 值”",
    "second occurrence": "锚点重复定义",
    "sequence entries are not allowed here": "此处不能写列表项“-”",
}
_MSGSPEC = {
    "Expected `{a}`, got `{b}`": "应为 `{a}`，实为 `{b}`",
    "Expected `{a}` of length <= {n}": "应为长度不超过 {n} 的 `{a}`",
    "Expected `{a}` of length >= {n}": "应为长度不小于 {n} 的 `{a}`",
    "Expected `{a}` >= {n}": "应为不小于 {n} 的 `{a}`",
    "Expected `{a}` <= {n}": "应为不大于 {n} 的 `{a}`",
    "Expected `{a}`": "应为 `{a}`",
    "Input data was truncated": "内容不完整",
    "Invalid enum value {value}": "不允许的值：{value}",
    "Invalid value {value}": "不允许的值：{value}",
    "JSON is malformed: expected '\"'": 'JSON 有误：应为“"”',
    "JSON is malformed: expected ',' or ']'": "JSON 有误：应为“,”或“]”",
    "JSON is malformed: expected ',' or '}}'": "JSON 有误：应为“,”或“}}”",
    "JSON is malformed: expected ':'": "JSON 有误：应为“:”",
    "JSON is malformed: invalid character": "JSON 有误：无效的字符",
    "JSON is malformed: invalid escape character in string": "JSON 有误：字符串中有无效的转义",
    "JSON is malformed: invalid number": "JSON 有误：无效的数字",
    "JSON is malformed: invalid utf-16 surrogate pair": "JSON 有误：无效的 UTF-16 代理对",
    "JSON is malformed: trailing characters": "JSON 有误：结尾之后还有内容",
    "JSON is malformed: trailing comma in array": "JSON 有误：数组末尾多了逗号",
    "JSON is malformed: trailing comma in object": "JSON 有误：对象末尾多了逗号",
    "JSON is malformed: unexpected end of escaped utf-16 surrogate pair": "JSON 有误：UTF-16 代理对不完整",
    "JSON is malformed: unexpected end of hex escape": "JSON 有误：十六进制转义不完整",
    "Object contains unknown field `{name}`": "有不认识的字段 `{name}`",
    "Object missing required field `{name}`": "缺少字段 `{name}`",
}
_CSV = {
    "'{delimiter}' expected after '\"'": "右引号之后应为“{delimiter}”",
    "field larger than field limit ({n})": "字段超过 {n} 字符",
    "line contains NUL": "含有 NUL 字符",
    "new-line character seen in unquoted field - do you need to open the file in universal-newline mode?": "未加引号的字段"
    "中有换行符",
    "unexpected end of data": "引号没有闭合，文件就结束了",
}
_JWT = {
    "Algorithm not supported": "不支持其签名算法",
    "Invalid crypto padding": "签名部分不是 base64url 编码",
    "Invalid header padding": "头部不是 base64url 编码",
    "Invalid header string: {problem}": "头部不是 JSON",
    "Invalid payload padding": "载荷不是 base64url 编码",
    "Invalid payload string: {problem}": "载荷不是 JSON",
    "Not enough segments": "不是 JWT：应为以“.”分隔的三段",
    "Subject must be a string": "声明 sub 须为字符串",
    "{name} claim ({claim}) must be an integer": "声明 {claim} 须为整数",
}
_REGEX = {
    "bad escape (end of pattern)": "结尾的“\\”没有转义任何字符",
    "bad escape {escape}": "不认识的转义“{escape}”",
    "incomplete escape {escape}": "转义“{escape}”不完整",
    "min repeat greater than max repeat": "重复次数的下限大于上限",
    "missing >, unterminated name": "分组名缺少“>”",
    "missing ), unterminated subpattern": "缺少“)”",
    "multiple repeat": "重复符号之后又是重复符号",
    "nothing to repeat": "重复符号之前没有内容",
    "unbalanced parenthesis": "多了“)”",
    "unexpected end of pattern": "表达式提前结束",
    "unknown extension {extension}": "不支持的扩展“{extension}”",
    "unterminated character set": "缺少“]”",
}
_TOML = {
    "Cannot declare {key} twice": "同一张表重复声明",
    "Cannot mutate immutable namespace {key}": "不能再改写这张表或数组",
    "Cannot overwrite a value": "同一个键重复赋值",
    "Cannot redefine namespace {key}": "不能重新定义这张表",
    "Duplicate inline table key {key}": "行内表中的键{key}重复",
    "Escaped character is not a Unicode scalar value": "转义的不是有效的 Unicode 字符",
    "Expected '=' after a key in a key/value pair": "键之后应为“=”",
    "Expected ']' at the end of a table declaration": "表名之后应为“]”",
    "Expected ']]' at the end of an array declaration": "表数组的名称之后应为“]]”",
    "Expected newline or end of document after a statement": "一条语句之后应换行",
    "Found invalid character {found}": "不允许的字符{found}",
    "Illegal character {found}": "不允许的字符{found}",
    "Invalid date or datetime": "无效的日期或时间",
    "Invalid hex value": "无效的十六进制转义",
    "Invalid initial character for a key part": "键不能以此字符开头",
    "Invalid statement": "无效的语句",
    "Invalid value": "无效的值",
    "Unclosed array": "数组缺少“]”",
    "Unclosed inline table": "行内表缺少“}}”",
    "Unescaped '\\' in a string": "字符串中的“\\”须写成“\\\\”",
    "Unterminated string": "字符串缺少右引号",
}
_REDIS = {
    "Authentication required": "需要密码",
    "Connection closed by server": "对方关闭了连接",
    "Error {errno} connecting to {place}. {why}": "无法连接 {place}：{errno}",
    "Protocol Error: {found}": "对方不是 Redis",
    "Redis is loading the dataset in memory": "正在载入数据",
    "Timeout connecting to server": "连接超时",
    "Timeout reading from {place}": "等待回答超时",
    "invalid username-password pair or user is disabled": "用户名或密码不对，或该用户已停用",
}
_ASYNCIO = {"Multiple exceptions: [Errno {errno}] {rest}": "{errno}"}
"""A host has several addresses, and none can be reached: the first one's reason."""
_PLACES = {
    " - at `{path}`": "（位于 `{path}`）",
    " (byte {n})": "（字节偏移 {n}）",
    " (at line {line}, column {column})": "（第 {line} 行第 {column} 列）",
    " (at end of document)": "（文件末尾）",
}
"""How messages end where they say a place."""

_NAMES = {
    "'<block end>'": "块的结尾",
    "'<block mapping start>'": "新的映射",
    "'<block sequence start>'": "新的列表",
    "'<document start>'": "文档的开头",
    "'<document end>'": "文档的结尾",
    "'<scalar>'": "一个值",
    "'<stream end>'": "文件的结尾",
    "'?'": "新的键",
}
"""What YAML calls what it found."""


def _patterns(known: Mapping[str, str], begin: str = "") -> list[tuple[re.Pattern[str], str]]:
    """Templates as expressions: a hole takes whatever stands in its place."""
    found = []
    for english, chinese in known.items():
        parts = re.split(r"\{(\w+)\}", english.replace("}}", "}"))
        regex = "".join(f"(?P<{part}>.+?)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
        found.append((re.compile(f"{begin}{regex}", re.DOTALL), chinese))
    return found


_messages = _patterns({**_YAML, **_MSGSPEC, **_CSV, **_JWT, **_REGEX, **_TOML, **_REDIS, **_ASYNCIO})
_places = _patterns(_PLACES, "(?P<before>.+)")


def quoted(problem: BaseException) -> str:
    """Why something failed, without a full stop: a `Said` where it is known, what the exception says itself where it isn't."""
    if problem.args and isinstance(problem.args[0], Said):
        return problem.args[0]
    message = _message(problem)
    chinese = _by_class(problem) or _by_message(message)
    return Said(message, chinese) if chinese else message


def _message(problem: BaseException) -> str:
    """Its English. YAML's and the expressions' own say the place as well, which we say ourselves."""
    for name in ("strerror", "problem", "context", "msg"):
        if text := getattr(problem, name, None):
            return str(text).rstrip(".")
    return str(problem).rstrip(".") or type(problem).__name__


def _by_class(problem: BaseException) -> str:
    package = type(problem).__module__.partition(".")[0]
    if package == "ssl":  # an OSError, whose numbers are others
        return TLS.get(getattr(problem, "verify_code", None) or getattr(problem, "reason", None) or 0, "")
    if isinstance(problem, OSError) and problem.errno:
        return SYSTEM.get(problem.errno, "")
    return CLASSES.get(f"{package}.{type(problem).__name__}", "").format(problem)


def _by_message(message: str) -> str:
    for regex, chinese in _places:
        if (match := regex.fullmatch(message)) and (before := _by_message(match["before"])):
            return before + chinese.format_map(match.groupdict())
    for regex, chinese in _messages:
        if match := regex.fullmatch(message):
            return chinese.format_map({name: _hole(name, text) for name, text in match.groupdict().items()})
    return ""


def _hole(name: str, found: str) -> str:
    """What stands in a hole; a system's number says what it means, Python's quotes become ours."""
    if name == "errno":
        return SYSTEM.get(int(found), f"错误 {found}")
    if len(found) > 2 and found[0] == found[-1] == "'":
        return _NAMES.get(found, f"“{found[1:-1]}”")
    return found
