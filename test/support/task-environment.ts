/** A complete environment of a gateway's task, as its definition sets it. */
export const TASK_ENVIRONMENT = {
  AEGIS_ENVIRONMENT: 'prod',
  AEGIS_REGION: 'eu-west-1',
  AEGIS_ZONE: 'eu',
  AEGIS_ZONE_URL: 'https://eu.aegis.example',
  AEGIS_GLOBAL_URL: 'https://global.aegis.example',
  AEGIS_REGION_URL: 'https://eu-west-1.aegis.example',
  AEGIS_PORT: '8080',
  AEGIS_RING: 'stable',
  AEGIS_TRUST_ROOT: '{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":"x","y":"y"}]}',
  AEGIS_BUNDLE_BUCKET: 'bucket',
  AEGIS_GLOBAL_TABLE: 'global',
  AEGIS_REGION_STATE_TABLE: 'state',
  AEGIS_BUNDLE_WARN_AGE_H: '24',
  AEGIS_SPOOL_DIR: '/var/spool/aegis',
  AWS_REGION: 'eu-west-1',
}
