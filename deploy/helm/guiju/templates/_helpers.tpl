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
{{- if .Values.masterKeySecret }}
- name: GUIJU_MASTER_KEY_FILE
  value: /run/guiju-master/master.key
{{- end }}
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
  {{- if .Values.masterKeySecret }}
  - {name: master, mountPath: /run/guiju-master, readOnly: true}
  {{- end }}
{{- end }}

{{/* One machine: the volume is mounted once, control is reached by a socket on it, and locks tell who lives. */}}
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
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "guiju.labels" . | nindent 12 }}
volumes:
  - name: home
    persistentVolumeClaim:
      claimName: {{ .Values.persistence.existingClaim | default .Release.Name }}
  - name: tmp
    emptyDir: {}
  {{- if .Values.masterKeySecret }}
  - name: master
    secret: {secretName: {{ .Values.masterKeySecret }}, defaultMode: 0440}
  {{- end }}
{{- end }}
