{{/* The name of every object begins with this. A Service's name begins with a letter and contains no dot; a CronJob's has at most 52 characters. */}}
{{- define "ledgerboard.name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) | replace "." "-" }}
{{- if regexMatch "^[0-9]" $name }}{{ $name = printf "lb-%s" $name }}{{ end }}
{{- if gt (len $name) 42 }}{{ $name = printf "%s-%s" (trunc 36 $name | trimSuffix "-") (sha256sum $name | trunc 5) }}{{ end }}
{{- $name }}
{{- end }}

{{- define "ledgerboard.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "ledgerboard.labels" -}}
{{ include "ledgerboard.selector" . }}
app.kubernetes.io/version: {{ include "ledgerboard.tag" . | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-_." }}
{{- end }}

{{- define "ledgerboard.tag" -}}
{{- regexReplaceAll "@.*" (.Values.image.tag | toString) "" | default .Chart.AppVersion }}
{{- end }}

{{/* The digest is that of the value, or part of the tag. */}}
{{- define "ledgerboard.image" -}}
{{- $digest := .Values.image.digest | default (regexFind "sha256:.*" (.Values.image.tag | toString)) }}
{{- if and $digest (not (regexMatch "^sha256:[0-9a-f]{64}$" $digest)) }}{{ fail "image.digest is not sha256: and 64 hex digits" }}{{ end }}
{{- .Values.image.repository }}:{{ include "ledgerboard.tag" . }}{{ with $digest }}@{{ . }}{{ end }}
{{- end }}

{{/* Labels and annotations of the pods of Jobs. */}}
{{- define "ledgerboard.jobLabels" -}}
{{ include "ledgerboard.labels" . }}
{{- with .Values.jobs.podLabels }}
{{ toYaml . }}
{{- end }}
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

{{/* Egress of all pods: DNS, brokers and database. */}}
{{- define "ledgerboard.egress" -}}
{{- with .Values.networkPolicy -}}
- ports: {{ range .dnsPorts }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
{{- end }}
- ports: [{port: {{ .kafkaPort }}}, {port: {{ .databasePort }}}]
{{- with .extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
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
{{- with .Values.podSecurityContext }}
{{ toYaml . }}
{{- end }}
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
