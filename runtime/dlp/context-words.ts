// Words beside a number that say what it is. A number of ten digits is nothing; after "Telefon" it is one.

/** What a word is about: bits of a mask. */
export const TOPIC = {
  phone: 1 << 0,
  card: 1 << 1,
  ssn: 1 << 2,
  social: 1 << 3,
  tax: 1 << 4,
  identity: 1 << 5,
  passport: 1 << 6,
  licence: 1 << 7,
  healthRecord: 1 << 8,
  patient: 1 << 9,
  idMarker: 1 << 10,
  diagnosis: 1 << 11,
  icd: 1 << 12,
  wallet: 1 << 13,
  seed: 1 << 14,
  /** Says that a password follows. */
  password: 1 << 15,
  /** Says that a secret follows: must look like one. */
  secret: 1 << 16,
  /** `key`, which alone is any key. */
  key: 1 << 17,
  /** Makes a `key` a secret one. */
  access: 1 << 18,
  privateKey: 1 << 19,
  begin: 1 << 20,
  bearer: 1 << 21,
  /** Tokens that are no secrets: pages and cursors. */
  page: 1 << 22,
  /** Numbers of things: orders, invoices, amounts. */
  thing: 1 << 23,
  security: 1 << 24,
  driver: 1 << 25,
  ip: 1 << 26,
  version: 1 << 27,
  /** `national`, `personal`: with an id marker, an identity number. */
  personal: 1 << 28,
} as const

/** Countries that a word belongs to: bits of a second mask. */
export const COUNTRIES = [
  'de',
  'fr',
  'es',
  'it',
  'nl',
  'pl',
  'fi',
  'se',
  'pt',
  'be',
  'gb',
  'us',
  'in',
  'sg',
  'au',
  'ca',
  'br',
  'kr',
  'th',
  'ch',
  'at',
  'dk',
  'no',
  'ie',
  'cz',
  'ro',
  'tr',
  'za',
] as const
export type Country = (typeof COUNTRIES)[number]
export const countryBit = (country: Country): number => 1 << COUNTRIES.indexOf(country)

const T = TOPIC

/** Words in lower case without accents, by what they are about. */
const TOPIC_WORDS: readonly (readonly [number, string])[] = [
  [
    T.phone,
    'phone phones telephone tel tele telefon telefone telefono telefoon telephones mobile mobil movil mobiel mobiles handy cell cellphone cellular cellulare celular portable ' +
      'fax telefax call called calling calls dial ring sms text texted whatsapp signal viber reach contact hotline landline rufnummer telefonnummer handynummer anrufen ruf rufen anruf ' +
      'appeler appelez llamar llame chiamare chiami bellen ligue ligar dzwonic zadzwon puhelin puhelinnumero ring ringa telefonnr tlf tfno tlfn msisdn phonenumber faks gsm office work home voicemail answering',
  ],
  [
    T.card,
    'card cards cc ccn creditcard kreditkarte karte kartennummer kreditkartennummer carte cb tarjeta carta cartao kort kortnummer luottokortti karta kaart pan visa mastercard amex maestro discover diners jcb unionpay debit credit cvv cvc cvv2 cardnumber',
  ],
  [T.ssn, 'ssn ssns itin'],
  [T.social, 'social'],
  [T.security, 'security'],
  [T.tax, 'tax taxes taxpayer tin vat fiscal fiscale fiscaal steuer impuestos imposto impot impots podatkowy skatt vero taxid'],
  [
    T.identity,
    'identity identification identifier identite identidad identita identiteit identitat ausweis personalausweis ausweisnummer citizen citizenship burger dowod nationalid idcard',
  ],
  [T.personal, 'national nationality nationale nacional nazionale nationaal personal resident residence'],
  [
    T.passport,
    'passport passports passeport pasaporte passaporto passaporte reisepass paspoort paszport paszportu passi pas passnummer passnr passportnumber',
  ],
  [
    T.licence,
    'licence license lic dl licences licenses permis patente carnet rijbewijs ajokortti korkort fuhrerschein fuhrerscheinnummer prawo jazdy carta permiso dlnumber cnh fahrerlaubnis',
  ],
  [
    T.driver,
    'driver drivers driving conducir conduire guida conducao fahrerlaubnis dl fuhrerschein fuhrerscheinnummer rijbewijs ajokortti korkort dlnumber cnh jazdy patente',
  ],
  [
    T.healthRecord,
    'mrn mrns kvnr nhs mbi medicare medicaid patientennummer patientenakte krankenakte krankenversicherung krankenversichertennummer versichertennummer ehr emr hicn medrec patientid patientnumber npi hcn chi ihi fallnummer pid',
  ],
  [
    T.patient,
    'patient patients patiente patienten paciente paziente pacjent pacjenta medical medicale medico medica health healthcare hospital clinic clinical klinik beneficiary sanitaria salud sante',
  ],
  [
    T.idMarker,
    'id ids no nr nbr num number numbers nummer numero numer numara record records chart akte dossier cartella expediente historia kod',
  ],
  [
    T.diagnosis,
    'diagnosis diagnoses diagnosed diagnostic diagnose diagnosen diagnostico diagnosi diagnoza diagnos diagnoosi dx condition comorbidity',
  ],
  [T.icd, 'icd icd10 icd9 cim10 cie10'],
  [T.wallet, 'wallet wallets btc bitcoin eth ethereum crypto ether erc20 usdt usdc address addr'],
  [T.seed, 'seed mnemonic recovery bip39 bip passphrase'],
  [
    T.password,
    'password passwords passwd pwd passwort kennwort contrasena motdepasse passphrase pass senha parola haslo wachtwoord losenord salasana userpassword dbpassword pgpassword',
  ],
  [
    T.secret,
    'secret secrets token tokens apikey apikeys credential credentials secretkey accesskey apitoken authtoken accesstoken clientsecret signingkey sig signature',
  ],
  [T.key, 'key keys'],
  [T.access, 'api access aws auth client signing encryption secret account service master app consumer stripe openai azure github slack'],
  [T.privateKey, 'private priv wif privkey privatekey secretkey'],
  [T.begin, 'begin'],
  [T.bearer, 'bearer basic authorization'],
  [T.page, 'next page paging pagination continuation cursor sync csrf resume public nextpagetoken'],
  [
    T.thing,
    'order orders invoice invoices amount total sum price qty quantity sku item product tracking ticket issue case batch serial build timestamp epoch ean isbn barcode',
  ],
  [T.ip, 'ip ipv4 ipv6 ipaddress'],
  [T.version, 'version versions ver v release firmware'],
]

/** Words of one country's numbers, which say the topic as well. */
const COUNTRY_WORDS: readonly (readonly [Country, number, string])[] = [
  ['de', T.tax, 'steuer steuerid steuernummer steuernr idnr steueridentifikationsnummer identifikationsnummer stnr finanzamt tin'],
  [
    'de',
    T.identity,
    'sozialversicherungsnummer rentenversicherungsnummer svnr personalausweis personalausweisnummer ausweis ausweisnummer rvnr',
  ],
  ['fr', T.identity, 'nir secu insee cni'],
  ['fr', T.tax, 'spi siren siret impots'],
  ['es', T.identity, 'dni nie nuss documento'],
  ['es', T.tax, 'cif nif'],
  ['it', T.identity, 'codice codicefiscale cf'],
  ['it', T.tax, 'iva partita piva codice'],
  ['nl', T.identity, 'bsn burgerservicenummer sofinummer sofi'],
  ['nl', T.tax, 'btw rsin bsn'],
  ['pl', T.identity, 'pesel dowod dowodu'],
  ['pl', T.tax, 'nip regon'],
  ['fi', T.identity, 'hetu henkilotunnus sotu'],
  ['fi', T.tax, 'tunnus ytunnus alv'],
  ['se', T.identity, 'personnummer samordningsnummer personnr'],
  ['se', T.tax, 'organisationsnummer orgnr'],
  ['pt', T.identity, 'cidadao bi niss'],
  ['pt', T.tax, 'nif contribuinte'],
  ['be', T.identity, 'rijksregisternummer insz niss rijksregister registre'],
  ['be', T.tax, 'ondernemingsnummer btw tva'],
  ['gb', T.identity, 'nino insurance'],
  ['gb', T.tax, 'utr'],
  ['gb', T.healthRecord, 'nhs'],
  ['us', T.tax, 'ein itin irs'],
  ['in', T.identity, 'aadhaar aadhar uidai uid'],
  ['in', T.tax, 'pan gstin gst'],
  ['in', T.identity, 'voter epic'],
  ['sg', T.identity, 'nric fin uin'],
  ['sg', T.tax, 'uen'],
  ['au', T.tax, 'tfn abn acn'],
  ['au', T.healthRecord, 'medicare'],
  ['ca', T.identity, 'sin nas insurance'],
  ['br', T.identity, 'cpf'],
  ['br', T.tax, 'cnpj'],
  ['kr', T.identity, 'rrn jumin'],
  ['th', T.identity, 'tnin'],
  ['ch', T.identity, 'ahv avs'],
  ['at', T.identity, 'svnr sozialversicherungsnummer'],
  ['dk', T.identity, 'cpr personnummer'],
  ['no', T.identity, 'fodselsnummer personnummer'],
  ['ie', T.identity, 'pps ppsn'],
  ['cz', T.identity, 'rodne cislo'],
  ['ro', T.identity, 'cnp'],
  ['tr', T.identity, 'tckn tckimlik kimlik'],
  ['za', T.identity, 'said'],
]

/** Takes a letter (its lower-case code) into the hash of the word so far. */
export const FIRST_HASH = 7

const SLOTS = 4096
const hashes = new Int32Array(SLOTS)
const topics = new Int32Array(SLOTS)
const countries = new Int32Array(SLOTS)
const used = new Uint8Array(SLOTS)

export function hashWord(word: string): number {
  let hash = FIRST_HASH
  for (let at = 0; at < word.length; at++) hash = (Math.imul(hash, 31) + word.charCodeAt(at)) | 0
  return hash
}

/** @returns the slot of a word of the lists, or -1. 32 bits of hash decide: a stranger in four billion is taken for one of ours. */
export function slotOf(hash: number): number {
  for (let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1); used[slot] === 1; slot = (slot + 1) & (SLOTS - 1)) {
    if (hashes[slot] === hash) return slot
  }
  return -1
}

export const topicsOf = (slot: number): number => topics[slot] ?? 0
export const countriesOf = (slot: number): number => countries[slot] ?? 0

function add(word: string, topic: number, country: number): void {
  const hash = hashWord(word)
  let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1)
  while (used[slot] === 1 && hashes[slot] !== hash) slot = (slot + 1) & (SLOTS - 1)
  used[slot] = 1
  hashes[slot] = hash
  topics[slot] = (topics[slot] ?? 0) | topic
  countries[slot] = (countries[slot] ?? 0) | country
}

for (const [topic, words] of TOPIC_WORDS) for (const word of words.split(' ')) add(word.replace(/\d+$/, ''), topic, 0)
for (const [country, topic, words] of COUNTRY_WORDS) for (const word of words.split(' ')) add(word, topic, countryBit(country))
