/**
 * Secrets that say by their first letters what they are: prefixes that issuers publish so that scanners find them.
 * Each is tried only where a token begins, so nothing here searches. Quantifiers are bounded: a match costs at most its length.
 */
export const SECRET_RULES: readonly { first: string; form: RegExp }[] = [
  // AWS access key ids (IAM User Guide, "IAM identifiers").
  rule('(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z0-9]{16}(?![A-Z0-9])'),
  rule('A3T[A-Z0-9]{17}(?![A-Z0-9])'),
  // GitHub, GitLab.
  rule('gh[pousr]_[A-Za-z0-9]{30,255}'),
  rule('github_pat_[A-Za-z0-9_]{30,255}'),
  rule('gl(?:pat|ptt|dt|rt|ft|soat|cbt|oas)-[\\w-]{20,128}'),
  // Slack.
  rule('xox[abeoprs]-[A-Za-z0-9-]{10,250}'),
  rule('xapp-\\d-[A-Za-z0-9-]{10,250}'),
  // Stripe: secret and restricted keys, webhook secrets. Publishable keys are public.
  rule('[sr]k_(?:live|test|prod)_\\w{10,200}'),
  rule('whsec_[A-Za-z0-9+/=]{24,100}'),
  // Google.
  rule('AIza[\\w-]{33,40}'),
  rule('ya29\\.[\\w-]{20,250}'),
  rule('GOCSPX-[\\w-]{20,60}'),
  // Models and their hosts.
  rule('sk-ant-[\\w-]{20,200}'),
  rule('sk-(?=[\\w-]{0,200}[A-Z0-9])(?:proj-|svcacct-|admin-|or-v1-|lf-)?[\\w-]{20,250}'),
  rule('hf_[A-Za-z0-9]{30,60}'),
  rule('gsk_[A-Za-z0-9]{40,80}'),
  rule('xai-[A-Za-z0-9]{60,100}'),
  rule('pplx-[A-Za-z0-9]{40,80}'),
  rule('r8_[A-Za-z0-9]{30,60}'),
  // Package registries and containers.
  rule('npm_[A-Za-z0-9]{30,60}'),
  rule('pypi-[\\w-]{50,250}'),
  rule('rubygems_[a-f0-9]{48}'),
  rule('dckr_pat_[\\w-]{20,60}'),
  // Mail, messages, payments.
  rule('SG\\.[\\w-]{16,64}\\.[\\w-]{16,80}'),
  rule('(?:SK|AC)[0-9a-f]{32}(?![0-9A-Za-z])'),
  rule('key-[0-9a-z]{32}(?![0-9A-Za-z])'),
  rule('[0-9a-f]{32}-us\\d{1,2}(?![0-9A-Za-z])'),
  rule('sq0(?:atp|csp)-[\\w-]{20,60}'),
  rule('EAAA[\\w-]{56,80}'),
  rule('shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}'),
  rule('\\d{8,10}:AA[\\w-]{32,35}(?![\\w-])'),
  // Infrastructure.
  rule('do[opr]_v1_[a-f0-9]{64}'),
  rule('hv[sbr]\\.[\\w-]{20,200}'),
  rule('dapi[0-9a-f]{32}'),
  rule('tskey-[\\w-]{20,80}'),
  rule('lin_api_[A-Za-z0-9]{30,60}'),
  rule('ntn_[A-Za-z0-9]{40,60}'),
  rule('secret_[A-Za-z0-9]{40,60}'),
  rule('PMAK-[0-9a-f]{24}-[0-9a-f]{34}'),
  rule('NRAK-[A-Z0-9]{27}'),
  rule('sntrys_[\\w+/=-]{40,250}'),
  rule('dp\\.(?:pt|st|ct|sa)\\.[\\w-]{40,60}'),
  rule('sbp_[a-f0-9]{40}'),
  rule('dop_v1_[a-f0-9]{64}'),
  rule('glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}'),
  rule('pat[A-Za-z0-9]{14}\\.[a-f0-9]{64}'),
  rule('figd_[\\w-]{30,60}'),
  rule('ATATT3[\\w=-]{100,250}'),
]

/** A JSON Web Token (RFC 7519), or one that is encrypted: it opens what it was issued for until it expires. */
export const JSON_WEB_TOKEN = /eyJ[\w-]{8,2000}\.(?:[\w-]{0,16000}\.){1,3}[\w-]{8,16000}/y

function rule(form: string): { first: string; form: RegExp } {
  return { first: firstUnits(form), form: new RegExp(form, 'y') }
}

/** The units that a form can begin with, so that most forms are passed over without running them. */
function firstUnits(form: string): string {
  if (form.startsWith('(?:'))
    return [
      ...new Set(
        form
          .slice(3, form.indexOf(')'))
          .split('|')
          .map((word) => word.charAt(0)),
      ),
    ].join('')
  if (form.startsWith('\\d')) return '0123456789'
  if (form.startsWith('[0-9a-f]')) return '0123456789abcdef'
  if (form.startsWith('[')) return form.slice(1, form.indexOf(']'))
  return form.charAt(0)
}
