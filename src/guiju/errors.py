"""Every error that leaves a room, and whose fault it is.

    GuijuError
      CallerError        the request is at fault: fix it and send it again
        BadRequest         400  a field is missing or malformed
        BodyTooLarge       413  HeadTooLarge 431
        BodyEncoded        415  the body is compressed
        RequestTooSlow     408  it took too long to come
        NotAuthenticated   401  no key, or none that we know
        KeyExpired         401  KeyRevoked 401
        NotAllowed         403  the key may not do this
        UnknownModel       404  UnknownPath 404
        WrongMethod        405  the path is there, and takes another method
        MediaNotAllowed    400  an image or file where the app doesn't allow unreviewed media
      PolicyError        the rules say no: the sentence names the basis and the way to object
        Blocked            403  a verdict `block`, or `refuse` where the app answers with errors
        ServiceSuspended   403  ServiceNotRunning 403
        QuotaSpent         429
      UpstreamError      the model behind us failed
        UpstreamUnavailable 502  UpstreamTimeout 504
      OurError           Guiju can't do its work; nothing unreviewed is served instead
        ReviewUnavailable 503  JournalUnavailable 503  DiskFull 503  NotReady 503  QuotaUnknown 503
        SettingError       a setting is wrong: stops the start
        InputFileError     points into a file of the user's (policy, lexicon, settings)

One definition serves the machine and the person: `code` is stable and documented, `status` is the HTTP
status, `text_en`/`text_zh` are sentences with named holes, filled from the keyword arguments. What fills a hole with
words is a `Said`, so that a sentence is whole in either language; what a system or a library says stays as it is.
wire/faults.py gives them each dialect's own shape.
"""

from __future__ import annotations

from typing import ClassVar


class Said(str):
    """Words in both languages. As a string it is the English; `told` picks.

    `Said("must be {low} or more", "须不小于 {low}", low=1)`: holes are filled from the keyword arguments, which may be
    Said themselves. Without any, the words are taken as they stand, braces and all.
    """

    zh: str

    def __new__(cls, en: str, zh: str, /, **holes: object) -> Said:
        said = super().__new__(cls, en.format(**holes) if holes else en)
        said.zh = zh.format(**{name: told(value, "zh") for name, value in holes.items()}) if holes else zh
        return said

    def __reduce__(self) -> tuple[type[Said], tuple[str, str]]:
        return Said, (str(self), self.zh)


def told(value: object, language: str) -> object:
    """`value` in `zh…` or another language: the Chinese of a `Said`, or of the `Said` that an exception was raised with."""
    if isinstance(value, BaseException) and value.args and isinstance(value.args[0], Said):
        value = value.args[0]
    if isinstance(value, Said):
        return value.zh if language.startswith("zh") else str(value)
    return value


class GuijuError(Exception):
    """Base of all errors of ours. Keyword arguments fill the holes of the texts."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    text_en: ClassVar[str] = "Guiju met an error of its own; nothing was served."
    text_zh: ClassVar[str] = "规矩自身出现错误，未提供任何内容。"

    def __init__(self, **data: object) -> None:
        self.data = data
        super().__init__(self.sentence("en"))

    def sentence(self, language: str = "en") -> str:
        """The sentence for a person; `language` is "zh" or "en"."""
        text = self.text_zh if language.startswith("zh") else self.text_en
        return text.format_map(_Holes({name: told(value, language) for name, value in self.data.items()}))


class _Holes(dict[str, object]):
    """A missing hole must not turn one error into another."""

    def __missing__(self, key: str) -> str:
        return "?"


# --- the caller's ---------------------------------------------------------------------------------


class CallerError(GuijuError):
    code, status = "bad_request", 400


class BadRequest(CallerError):
    text_en = "{field}: {problem}"
    text_zh = "{field}：{problem}"


class BodyTooLarge(CallerError):
    code, status = "body_too_large", 413
    text_en = "The request body is larger than {limit} bytes; send less, or raise gateway.body_limit."
    text_zh = "请求体超过 {limit} 字节；请减小内容，或调大 gateway.body_limit。"


class BodyEncoded(CallerError):
    code, status = "body_encoded", 415
    text_en = "The request body is encoded as '{coding}'; send it as it is, without Content-Encoding."
    text_zh = "请求体采用了编码“{coding}”；请勿压缩，去掉 Content-Encoding 后原样发送。"


class RequestTooSlow(CallerError):
    code, status = "request_too_slow", 408
    text_en = "The request took too long to come; send it again over a faster connection."
    text_zh = "请求传送过慢；请换用更快的连接重新发送。"


class HeadTooLarge(CallerError):
    code, status = "head_too_large", 431
    text_en = "The request's head is larger than {limit} bytes; send less, or raise gateway.header_limit."
    text_zh = "请求头超过 {limit} 字节；请减小内容，或调大 gateway.header_limit。"


class NotAuthenticated(CallerError):
    code, status = "invalid_api_key", 401
    text_en = "No valid API key was given. Send one as 'Authorization: Bearer gj-…' or 'x-api-key: gj-…'."
    text_zh = "未提供有效的 API 密钥。请在请求头中发送 'Authorization: Bearer gj-…' 或 'x-api-key: gj-…'。"


class KeyExpired(NotAuthenticated):
    code = "key_expired"
    text_en = "This API key expired at {when}; ask the service's administrator for a new one."
    text_zh = "该 API 密钥已于 {when} 过期；请向服务管理员申请新密钥。"


class KeyRevoked(NotAuthenticated):
    code = "key_revoked"
    text_en = "This API key was revoked; ask the service's administrator for a new one."
    text_zh = "该 API 密钥已被吊销；请向服务管理员申请新密钥。"


class NotAllowed(CallerError):
    code, status = "not_allowed", 403
    text_en = "This key may not {what}."
    text_zh = "该密钥不能{what}。"


class UnknownModel(CallerError):
    code, status = "model_not_found", 404
    text_en = "The model '{model}' is not offered here. GET /v1/models lists those that are."
    text_zh = "此处不提供模型“{model}”。可用模型见 GET /v1/models。"


class WrongDoor(CallerError):
    code, status = "wrong_endpoint", 400
    text_en = "The model '{model}' can't be asked through {path}; ask it through {others}."
    text_zh = "模型“{model}”不能通过 {path} 调用；请改用 {others}。"


class UnknownPath(CallerError):
    code, status = "not_found", 404
    text_en = "There is no {method} {path} here."
    text_zh = "此处没有 {method} {path}。"


class WrongMethod(CallerError):
    code, status = "method_not_allowed", 405
    text_en = "{path} takes {allowed}, not {method}."
    text_zh = "{path} 只接受 {allowed}，不接受 {method}。"


class MediaNotAllowed(CallerError):
    code, status = "media_not_allowed", 400
    text_en = "{field}: this app doesn't admit {kind} that can't be reviewed yet; allow it in the app's settings."
    text_zh = "{field}：该应用不接受尚无法审查的{kind}；可在应用设置中放行。"


# --- policy's -------------------------------------------------------------------------------------


class PolicyError(GuijuError):
    code, status = "policy_refused", 403


class Blocked(PolicyError):
    code = "content_blocked"
    text_en = "{reason}"
    text_zh = "{reason}"


class ServiceSuspended(PolicyError):
    code = "service_suspended"
    text_en = "The service '{service}' is suspended. {basis}"
    text_zh = "服务“{service}”已暂停。{basis}"


class ServiceNotRunning(PolicyError):
    code = "service_not_running"
    text_en = "The service '{service}' can't run: {why}"
    text_zh = "服务“{service}”无法运行：{why}"


class QuotaSpent(PolicyError):
    code, status = "quota_spent", 429
    retry_after = 0.0
    """Seconds until the same request would be let in, if nobody else asks meanwhile."""
    text_en = "The quota of {whose} is spent: {quota}. Try again in {seconds} s."
    text_zh = "{whose}的限额已用完：{quota}。请在 {seconds} 秒后重试。"


# --- the upstream's -------------------------------------------------------------------------------


class UpstreamError(GuijuError):
    code, status = "upstream_error", 502
    retry_after = 0.0
    """Seconds that the upstream wants to be left alone, as it said itself."""


class UpstreamUnavailable(UpstreamError):
    code = "upstream_unavailable"
    text_en = "The model's server '{upstream}' can't be reached: {problem}. Try again shortly."
    text_zh = "模型服务“{upstream}”不可用：{problem}。请稍后重试。"


class UpstreamTimeout(UpstreamError):
    code, status = "upstream_timeout", 504
    text_en = "The model's server '{upstream}' sent nothing for {seconds} s."
    text_zh = "模型服务“{upstream}”在 {seconds} 秒内没有响应。"


class UpstreamRefused(UpstreamError):
    """The upstream answered with an error of its own; `status` of the instance is the upstream's."""

    code = "upstream_refused"
    text_en = "The model's server '{upstream}' answered {upstream_status}: {problem}"
    text_zh = "模型服务“{upstream}”返回 {upstream_status}：{problem}"


# --- ours -----------------------------------------------------------------------------------------


class OurError(GuijuError):
    code, status = "internal_error", 500


class ReviewUnavailable(OurError):
    code, status = "review_unavailable", 503
    text_en = "Review can't run, so nothing is served: {problem}"
    text_zh = "审查无法运行，因此不提供任何内容：{problem}"


class JournalUnavailable(OurError):
    code, status = "journal_unavailable", 503
    text_en = "The record of this exchange can't be written, so it isn't served: {problem}"
    text_zh = "无法写入本次交互的记录，因此不提供服务：{problem}"


class DiskFull(JournalUnavailable):
    code = "disk_full"
    text_en = "Only {free} bytes are free where records are kept; new exchanges are refused until space is made."
    text_zh = "记录所在磁盘仅剩 {free} 字节；在腾出空间之前不接受新的交互。"


class NotReady(OurError):
    code, status = "not_ready", 503
    text_en = "The gateway has no configuration yet; it is fetching one. Try again in a second."
    text_zh = "网关尚未取得配置，正在获取。请稍后重试。"


class QuotaUnknown(OurError):
    code, status = "quota_unknown", 503
    text_en = (
        "Quotas can't be counted just now, so what has one isn't let in (quota.outage = closed). Try again shortly."
    )
    text_zh = "暂时无法统计限额，因此不接受设有限额的请求（quota.outage = closed）。请稍后重试。"


class SettingError(OurError):
    code = "setting_error"
    text_en = "{name}: {problem}. {remedy}"
    text_zh = "{name}：{problem}。{remedy}"


class InputFileError(OurError):
    """A file of the user's is wrong. `str()` is compiler-style: place, line, caret, what to write.

    policy/minors.yaml:14:11: action `alow` is unknown
       14 |   action: alow
          |           ^ one of: allow, mask, refuse, block, escalate
    """

    code, status = "input_file_error", 400
    text_en = "{report}"
    text_zh = "{report}"

    def __init__(
        self, *, file: str, line: int, column: int, problem: str, source_line: str = "", hint: str = ""
    ) -> None:
        assert not problem.endswith("."), "house style: no full stop at the end of `problem`"
        self.file, self.line, self.column = file, line, column
        self.problem, self.hint, self.source_line = problem, hint, source_line
        super().__init__(report=Said(self._report("en"), self._report("zh")))

    @classmethod
    def at_line(cls, file: str, text: str, line: int, problem: str, hint: str = "") -> InputFileError:
        """It is about a whole line of the file's text: the caret stands where the line's own words begin."""
        lines = text.splitlines()
        source = lines[line - 1] if line <= len(lines) else ""
        column = len(source) - len(source.lstrip(" -")) + 1
        return cls(file=file, line=line, column=column, problem=problem, source_line=source, hint=hint)

    def _report(self, language: str) -> str:
        hint = told(self.hint, language)
        report = f"{self.file}:{self.line}:{self.column}: {told(self.problem, language)}"
        if self.source_line:
            under = f"\n{self.line:5} | {self.source_line}\n      | {' ' * (self.column - 1)}^ {hint}"
            return (report + under).rstrip()
        return f"{report} ({hint})" if hint else report
