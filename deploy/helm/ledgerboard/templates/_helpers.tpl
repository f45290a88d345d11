{{- define "ledgerboard.name" -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "ledgerboard.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ledgerboard.labels" -}}
{{ include "ledgerboard.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "ledgerboard.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* An environment variable from a Secret: (list NAME reference). Empty if the reference has no name. */}}
{{- define "ledgerboard.fromSecret" -}}
{{- $reference := index . 1 }}
{{- if $reference.name }}
- name: {{ index . 0 }}
  valueFrom: {secretKeyRef: {name: {{ $reference.name }}, key: {{ $reference.key | quote }}}}
{{- end }}
{{- end }}

{{/* The environment of every process: (dict "root" $ "databaseURL" reference). */}}
{{- define "ledgerboard.env" -}}
{{- $values := .root.Values }}
- {name: LEDGERBOARD_ADDR, value: ":6001"}
- {name: LEDGERBOARD_ADMIN_ADDR, value: ":6002"}
- {name: LEDGERBOARD_DATA_DIR, value: /var/lib/ledgerboard}
- {name: TMPDIR, value: /var/lib/ledgerboard}
{{- range $name, $value := merge (dict) $values.settings $values.tracing }}
{{- if not (kindIs "string" $value) }}{{ fail (printf "quote the value of %s: YAML changes large numbers" $name) }}{{ end }}
{{- if $value }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}
{{- include "ledgerboard.database" . }}
{{- include "ledgerboard.fromSecret" (list "LEDGERBOARD_KAFKA_PASSWORD" $values.secrets.kafkaPassword) }}
{{- end }}

{{/* The URL of the database, also for psql and pg_dump: (dict "root" $ "databaseURL" reference). */}}
{{- define "ledgerboard.database" -}}
{{- include "ledgerboard.fromSecret" (list "LEDGERBOARD_DATABASE_URL" (.databaseURL | default .root.Values.secrets.databaseURL)) }}
{{- end }}

{{/* Secrets of the processes that call the platforms. */}}
{{- define "ledgerboard.platformSecrets" -}}
{{- with .Values.secrets }}
{{- include "ledgerboard.fromSecret" (list "LEDGERBOARD_SECRETS_KEY" .secretsKey) }}
{{- include "ledgerboard.fromSecret" (list "LEDGERBOARD_FACEBOOK_APP_SECRET" .facebookAppSecret) }}
{{- include "ledgerboard.fromSecret" (list "LEDGERBOARD_INSTAGRAM_APP_SECRET" .instagramAppSecret) }}
{{- include "ledgerboard.fromSecret" (list "LEDGERBOARD_LINKEDIN_CLIENT_SECRET" .linkedinClientSecret) }}
{{- include "ledgerboard.fromSecret" (list "LEDGERBOARD_TIKTOK_CLIENT_SECRET" .tiktokClientSecret) }}
{{- end }}
{{- end }}

{{- define "ledgerboard.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "ledgerboard.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "ledgerboard.mounts" -}}
- {name: data, mountPath: /var/lib/ledgerboard}
{{- if .Values.files.secretName }}
- {name: files, mountPath: /etc/ledgerboard, readOnly: true}
{{- end }}
{{- end }}

{{- define "ledgerboard.volumes" -}}
- {name: data, emptyDir: {}}
{{- with .Values.files.secretName }}
- {name: files, secret: {secretName: {{ . }}}}
{{- end }}
{{- end }}

{{- define "ledgerboard.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}
