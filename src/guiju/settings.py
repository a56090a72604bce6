"""The one table of settings, and the names that no longer exist. config.py reads them; CLI help and
docs/reference/settings.md are made from this table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from guiju.errors import Said
from guiju.values import at_least_one, boolean, header_fields, https, log_format, networks, outage, share


class Setting(NamedTuple):
    """One setting: `gateway.body_limit` is `[gateway] body_limit` in the file and GUIJU_GATEWAY_BODY_LIMIT outside."""

    name: str
    type: Callable[[str], Any]
    default: Any
    unit: str
    help: Said

    @property
    def variable(self) -> str:
        """Its environment variable."""
        return "GUIJU_" + self.name.upper().replace(".", "_")


SETTINGS: tuple[Setting, ...] = (
    Setting("host", str, "127.0.0.1", "address", Said("Address that the gateway listens on", "网关的监听地址")),
    Setting("port", int, 8787, "port", Said("Port that the gateway listens on", "网关的监听端口")),
    Setting(
        "base_url",
        str,
        "",
        "URL",
        Said(
            "Where people reach Guiju; empty is http://localhost:<port>, or the address where `host` names one (https: where "
            "gateway.tls_cert is set)",
            "用户访问规矩所用的地址；留空为 http://localhost:<端口>，或 `host` 所指的地址（设了 gateway.tls_cert 则为 https）",
        ),
    ),
    Setting("node", str, "node1", "name", Said("Name of this machine in the journal", "本机在日志中的名称")),
    Setting("workers", at_least_one, 1, "processes", Said("Gateway workers on this machine", "本机的网关工作进程数")),
    Setting(
        "database_url",
        str,
        "",
        "URL",
        Said("postgres://… ; empty is SQLite in GUIJU_HOME", "postgres://…；留空则用 GUIJU_HOME 中的 SQLite"),
    ),
    Setting(
        "redis_url",
        str,
        "",
        "URL",
        Said(
            "redis://… (or Valkey) where nodes count quotas together, and controls failed sign-ins; empty counts by machine",
            "redis://…（或 Valkey），供多个节点共同统计用量限额、多个控制面共同统计登录失败次数；留空则每台机器各自统计",
        ),
    ),
    Setting(
        "control_url",
        https,
        "",
        "URL",
        Said(
            "https://host:port of control on another machine (its control_host and control_port); empty is the Unix socket in "
            "GUIJU_HOME",
            "控制面在另一台机器上时的地址 https://主机:端口（其 control_host、control_port）；留空为本机的 Unix 套接字",
        ),
    ),
    Setting(
        "control_host",
        str,
        "127.0.0.1",
        "address",
        Said(
            "Address that control listens on for other machines, where control_port is set",
            "设了 control_port 时，控制面供其他机器连接的监听地址",
        ),
    ),
    Setting(
        "control_port",
        int,
        0,
        "port",
        Said(
            "Port for other machines of this installation, which prove by TLS that they have its keys; 0 listens on the Unix "
            "socket alone",
            "供本安装的其他机器连接的端口，对方须以 TLS 证明持有本安装的密钥；0 为只监听 Unix 套接字",
        ),
    ),
    Setting(
        "master_key_file",
        str,
        "",
        "path",
        Said(
            "Where the master key lies; empty is GUIJU_HOME/keys/master.key",
            "主密钥的位置；留空为 GUIJU_HOME/keys/master.key",
        ),
    ),
    Setting(
        "gateway.body_limit", int, 8_388_608, "bytes", Said("Largest request body that is read", "接收的请求体上限")
    ),
    Setting("gateway.header_limit", int, 65_536, "bytes", Said("Largest head of a request", "请求头上限")),
    Setting(
        "gateway.connections",
        int,
        10_000,
        "connections",
        Said("Open client connections of one worker", "每个工作进程的客户端连接数上限"),
    ),
    Setting(
        "gateway.arrival_seconds",
        float,
        30.0,
        "seconds",
        Said(
            "Time for a request's head to come, and between parts of its body",
            "等待请求头到达的时限，也是请求体各段之间的时限",
        ),
    ),
    Setting(
        "gateway.idle_seconds",
        float,
        120.0,
        "seconds",
        Said(
            "How long a kept connection may wait for its next request, or a client take nothing of its answer",
            "长连接等待下一个请求、以及客户端不接收回答的时限",
        ),
    ),
    Setting(
        "gateway.answer_limit",
        int,
        100_663_296,
        "bytes",
        Said(
            "Largest whole answer of an upstream that is read, and largest event of a streamed one",
            "上游整段回答、以及流式回答中单个事件的大小上限",
        ),
    ),
    Setting(
        "gateway.attempts",
        at_least_one,
        3,
        "tries",
        Said(
            "How often a request is sent before the first byte of an answer, all upstreams of its model together",
            "收到回答的首个字节之前，一个请求最多发送几次（该模型的全部上游合计）",
        ),
    ),
    Setting(
        "gateway.retry_seconds",
        float,
        5.0,
        "seconds",
        Said(
            "Longest wait for a try of the same upstream; if it asks for more, the caller is told so",
            "再次请求同一上游前的最长等待；若上游要求更久，则告知调用方",
        ),
    ),
    Setting(
        "gateway.drain_seconds",
        float,
        10.0,
        "seconds",
        Said(
            "How long running streams may finish when the service stops, or new workers take over",
            "服务停止、或新工作进程接替时，留给进行中的流式回答的收尾时间",
        ),
    ),
    Setting(
        "gateway.leave_seconds",
        float,
        0.0,
        "seconds",
        Said(
            "How long connections are still taken after /readyz says no, when the service stops: as long as a load balancer "
            "needs to see it",
            "服务停止时，/readyz 转为未就绪后仍接受新连接的时间：应不短于负载均衡器察觉所需的时间",
        ),
    ),
    Setting(
        "gateway.trusted_proxies",
        networks,
        (),
        "networks",
        Said(
            "Networks of your own proxies, between commas: only they are believed in x-forwarded-for and x-forwarded-proto",
            "自有反向代理所在的网段，以逗号分隔：只采信来自这些网段的 x-forwarded-for 与 x-forwarded-proto",
        ),
    ),
    Setting(
        "gateway.proxy_protocol",
        boolean,
        False,
        "",
        Said(
            "Whether each connection from gateway.trusted_proxies begins with a PROXY header (version 1 or 2)",
            "来自 gateway.trusted_proxies 的连接是否都以 PROXY 协议头（v1 或 v2）开始",
        ),
    ),
    Setting(
        "gateway.tls_cert",
        str,
        "",
        "path",
        Said(
            "Certificate chain (PEM) with which the gateway speaks TLS itself, read anew on SIGHUP; empty is plain HTTP",
            "网关自行提供 TLS 所用的证书链（PEM），收到 SIGHUP 时重新读取；留空为明文 HTTP",
        ),
    ),
    Setting(
        "gateway.tls_key",
        str,
        "",
        "path",
        Said("Its private key (PEM); empty is the same file", "该证书的私钥（PEM）；留空则与证书同一文件"),
    ),
    Setting(
        "gateway.tls_client_ca",
        str,
        "",
        "path",
        Said(
            "Certificates (PEM) of those who sign clients: whoever has none from them is not let in; empty asks no client",
            "签发客户端证书的 CA（PEM）：没有其所签证书的客户端不能连接；留空则不要求客户端证书",
        ),
    ),
    Setting(
        "quota.redis_seconds", float, 0.5, "seconds", Said("Longest wait for redis_url to count", "等待其计数的时限")
    ),
    Setting(
        "quota.outage",
        outage,
        "local",
        "",
        Said("Without Redis: local counts by node, closed refuses", "Redis 不可用时：local 各自计数，closed 拒绝"),
    ),
    Setting("usage.currency", str, "CNY", "", Said("Currency of prices and cost", "价格与费用的币种")),
    Setting(
        "journal.segment_bytes",
        int,
        67_108_864,
        "bytes",
        Said("Size at which a journal segment is closed", "日志段达到此大小时关闭"),
    ),
    Setting(
        "journal.segment_seconds",
        float,
        60.0,
        "seconds",
        Said(
            "Age at which a journal segment is closed: so long contents may lie in it once they are in the ledger",
            "日志段达到此时长时关闭：内容移入账本后，至多还会在其中停留这么久",
        ),
    ),
    Setting(
        "disk.warn_bytes",
        int,
        2_147_483_648,
        "bytes",
        Said("Free disk below which a warning is shown", "可用磁盘低于此值时显示警告"),
    ),
    Setting(
        "disk.stop_bytes",
        int,
        536_870_912,
        "bytes",
        Said("Free disk below which new exchanges are refused", "可用磁盘低于此值时不接受新的交互"),
    ),
    Setting(
        "review.sentence_seconds",
        float,
        1.0,
        "seconds",
        Said("Longest that a sentence-level detector may hold", "句级检测器最多可扣住文字多久"),
    ),
    Setting(
        "review.stretch_seconds",
        float,
        0.3,
        "seconds",
        Said(
            "Longest that words of a stream gather before slow detectors are asked about them",
            "流式回答的文字最多积累多久即送慢速检测器判断",
        ),
    ),
    Setting(
        "guards.memory_bytes",
        at_least_one,
        1_073_741_824,
        "bytes",
        Said("Memory (address space) of one guard's process", "每个守卫进程的内存（地址空间）上限"),
    ),
    Setting(
        "upstream",
        str,
        "",
        "URL",
        Said(
            "OpenAI-compatible server in place of the embedded model, on first start",
            "首次启动时代替内置模型的兼容 OpenAI 的服务器",
        ),
    ),
    Setting("upstream_model", str, "", "name", Said("Its model", "该服务器的模型")),
    Setting("upstream_key", str, "", "secret", Said("Its API key", "该服务器的 API 密钥")),
    Setting(
        "console.two_persons",
        boolean,
        False,
        "",
        Said("Whether activating a policy needs a second person", "启用策略是否须由另一人确认"),
    ),
    Setting("log.level", str, "info", "", Said("debug, info, warning or error", "debug、info、warning 或 error")),
    Setting(
        "log.format",
        log_format,
        "logfmt",
        "",
        Said("Lines of every process's log: logfmt or json", "各进程的日志格式：logfmt 或 json"),
    ),
    Setting(
        "telemetry.otlp_endpoint",
        str,
        "",
        "URL",
        Said(
            "OpenTelemetry collector that gateway workers send traces and metrics to, OTLP over HTTP, such as "
            "http://localhost:4318; empty sends none, unless OTEL_EXPORTER_OTLP_ENDPOINT is set",
            "网关工作进程发送链路追踪与指标的 OpenTelemetry 收集器（OTLP/HTTP），例如 http://localhost:4318；"
            "留空且未设 OTEL_EXPORTER_OTLP_ENDPOINT 时不发送",
        ),
    ),
    Setting(
        "telemetry.otlp_headers",
        header_fields,
        {},
        "secret",
        Said(
            "Header fields of each request to the collector: name=value, between commas",
            "发给收集器的每个请求所带的头字段：名称=值，以逗号分隔",
        ),
    ),
    Setting(
        "telemetry.sample_ratio",
        share,
        1.0,
        "",
        Said(
            "Share of traces that are sent, drawn by their number; metrics count every exchange",
            "发送的链路追踪比例（按追踪编号抽取）；指标则统计每一次交互",
        ),
    ),
)

RETIRED: dict[str, Said] = {}
"""Names that no longer exist -> what to do instead."""
