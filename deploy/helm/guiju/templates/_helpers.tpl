{{- define "guiju.labels" -}}
app.kubernetes.io/name: guiju
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "guiju.secret" -}}
{{ .Values.existingSecret | default .Release.Name }}
{{- end }}

{{- define "guiju.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "guiju.environment" -}}
- name: GUIJU_BASE_URL
  value: {{ .Values.baseUrl | quote }}
- name: GUIJU_DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ include "guiju.secret" . }}, key: database-url}}
- name: GUIJU_REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ include "guiju.secret" . }}, key: redis-url}}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "guiju.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: home, mountPath: /var/lib/guiju}
  - {name: tmp, mountPath: /tmp}
{{- end }}

{{/* The installation's keys, from the Secret into the home: day keys are made beside them. */}}
{{- define "guiju.keys" -}}
- name: keys
  {{- include "guiju.image" . | nindent 2 }}
  command: [sh, -c, "umask 077 && mkdir -p /var/lib/guiju/keys && cp -fL /run/guiju-keys/* /var/lib/guiju/keys/"]
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL]}
  volumeMounts:
    - {name: home, mountPath: /var/lib/guiju}
    - {name: keys, mountPath: /run/guiju-keys, readOnly: true}
{{- end }}

{{- define "guiju.pod" -}}
automountServiceAccountToken: false
# Kubernetes would set GUIJU_PORT=tcp://… for a Service called guiju, and that is a setting.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "guiju.volumes" -}}
- name: tmp
  emptyDir: {}
- name: keys
  secret: {secretName: {{ .Values.keysSecret }}, defaultMode: 0440}
{{- end }}
