-- The codes by which a district may be called.
CREATE TABLE known_districts AS
SELECT "gss-code" AS code FROM councils WHERE "gss-code" IS NOT NULL
UNION SELECT code FROM recoded UNION SELECT former FROM recoded;

CREATE MACRO area_iri(code) AS 'http://statistics.data.gov.uk/id/statistical-geography/' || code;
CREATE MACRO id_iri(kind, name) AS 'https://w3id.org/holdfast/id/' || kind || '/' || name;
CREATE MACRO set_iri(system) AS register_iri() || '/small-areas/' || system;

CREATE MACRO small_iri(system, code) AS id_iri('small-area', system || '/' || code);

-- SMALL AREAS: each with its people, in two sets: those of 2011 and those of 2021.

CREATE TABLE people AS
SELECT 'lsoa-2011' AS system, lsoa11_code AS small, total_population AS n, _source FROM people11
WHERE lsoa11_code LIKE 'E%'
UNION ALL SELECT 'lsoa-2021', lsoa21_code, total_residents, _source FROM people21
WHERE lsoa21_code LIKE 'E%';

-- DISTRICTS in their vintages, small area by small area.

CREATE TABLE districts AS
WITH stated AS (
  SELECT DATE '2015-04-01' AS vintage, 'lsoa-2011' AS system, LSOA11CD AS small, LAD15CD AS code
    FROM ccg15
  UNION ALL SELECT DATE '2016-04-01', 'lsoa-2011', LSOA11CD, LAD16CD FROM ccg16
  UNION ALL SELECT DATE '2017-04-01', 'lsoa-2011', LSOA11CD, LAD17CD FROM ccg17
  UNION ALL SELECT DATE '2018-04-01', 'lsoa-2011', LSOA11CD, LAD18CD FROM ccg18
  UNION ALL SELECT DATE '2019-04-01', 'lsoa-2011', LSOA11CD, LAD19CD FROM ccg19
  UNION ALL SELECT DATE '2020-04-01', 'lsoa-2011', LSOA11CD, LAD20CD FROM ccg20
  UNION ALL SELECT DATE '2021-04-01', 'lsoa-2011', lsoa11_code, ltla21_code FROM ccg21
  UNION ALL SELECT DATE '2022-04-01', 'lsoa-2011', lsoa11_code, ltla22_code FROM icb22
  UNION ALL SELECT DATE '2023-04-01', 'lsoa-2011', lsoa11_code, ltla23_code
    FROM icb22 JOIN ltla22_ltla23 USING (ltla22_code)
  UNION ALL SELECT DATE '2024-04-01', 'lsoa-2021', lsoa21_code, ltla24_code FROM ltla24
    WHERE ltla24_code LIKE 'E%')
FROM stated
UNION ALL
-- Districts with new codes in 2025, and all others as they were.
SELECT DATE '2025-04-01', system, small, coalesce(recoded.code, stated.code)
FROM stated LEFT JOIN recoded ON former = stated.code AND since = DATE '2025-04-01'
WHERE vintage = DATE '2024-04-01';

-- LAYERS of areas: of which districts or small areas each area is made, vintage by vintage.
-- `drawn` is the vintage of the districts in which it is told.

CREATE TABLE by_district AS
WITH stated AS (
  SELECT 'community-safety-area' AS kind, DATE '2017-01-01' AS vintage, DATE '2016-04-01' AS drawn,
    CSP17CD AS code, CSP17NM AS label, LAD17CD AS district, _source FROM csp17
  UNION ALL SELECT 'community-safety-area', DATE '2018-12-01', DATE '2018-04-01',
    CSP18CD, CSP18NM, LAD18CD, _source FROM csp18
  UNION ALL SELECT 'community-safety-area', DATE '2019-12-01', DATE '2019-04-01',
    CSP19CD, CSP19NM, LAD19CD, _source FROM csp19
  UNION ALL SELECT 'community-safety-area', DATE '2024-04-01', DATE '2024-04-01',
    csp24_code, csp24_name, ltla24_code, _source FROM csp24
  UNION ALL SELECT 'police-area', DATE '2017-01-01', DATE '2016-04-01',
    PFA17CD, PFA17NM, LAD17CD, _source FROM csp17
  UNION ALL SELECT 'police-area', DATE '2018-12-01', DATE '2018-04-01',
    PFA18CD, PFA18NM, LAD18CD, _source FROM csp18
  UNION ALL SELECT 'police-area', DATE '2019-12-01', DATE '2019-04-01',
    PFA19CD, PFA19NM, LAD19CD, _source FROM csp19
  UNION ALL SELECT 'police-area', DATE '2024-04-01', DATE '2024-04-01',
    pfa24_code, pfa24_name, ltla24_code, _source FROM csp24
  UNION ALL SELECT 'fire-area', DATE '2016-12-01', DATE '2016-04-01',
    FRA16CD, FRA16NM, LAD16CD, _source FROM fra16
  UNION ALL SELECT 'fire-area', DATE '2017-12-01', DATE '2017-04-01',
    FRA17CD, FRA17NM, LAD17CD, _source FROM fra17
  UNION ALL SELECT 'fire-area', DATE '2018-12-01', DATE '2018-04-01',
    FRA18CD, FRA18NM, LAD18CD, _source FROM fra18
  UNION ALL SELECT 'fire-area', DATE '2019-12-01', DATE '2019-04-01',
    FRA19CD, FRA19NM, LAD19CD, _source FROM fra19
  UNION ALL SELECT 'fire-area', DATE '2021-04-01', DATE '2021-04-01',
    fra21_code, fra21_name, ltla21_code, _source FROM fra21
  UNION ALL SELECT 'fire-area', DATE '2024-04-01', DATE '2024-04-01',
    fra24_code, fra24_name, ltla24_code, _source FROM fra24
  UNION ALL SELECT 'resilience-area', DATE '2015-08-01', DATE '2015-04-01',
    LRF15CD, LRF15NM, LAD15CD, _source FROM lrf15
  UNION ALL SELECT 'resilience-area', DATE '2016-12-01', DATE '2016-04-01',
    LRF16CD, LRF16NM, LAD16CD, _source FROM lrf16
  UNION ALL SELECT 'resilience-area', DATE '2017-12-01', DATE '2017-04-01',
    LRF17CD, LRF17NM, LAD17CD, _source FROM lrf17
  UNION ALL SELECT 'resilience-area', DATE '2018-12-01', DATE '2018-04-01',
    LRF18CD, LRF18NM, LAD18CD, _source FROM lrf18
  UNION ALL SELECT 'resilience-area', DATE '2019-12-01', DATE '2019-04-01',
    LRF19CD, LRF19NM, LAD19CD, _source FROM lrf19
  UNION ALL SELECT 'combined-authority-area', DATE '2017-03-01', DATE '2016-04-01',
    CAUTH17CD, CAUTH17NM, LAD17CD, _source FROM cauth17
  UNION ALL SELECT 'combined-authority-area', DATE '2018-12-01', DATE '2018-04-01',
    CAUTH18CD, CAUTH18NM, LAD18CD, _source FROM cauth18
  UNION ALL SELECT 'combined-authority-area', DATE '2019-12-01', DATE '2019-04-01',
    CAUTH19CD, CAUTH19NM, LAD19CD, _source FROM cauth19
  UNION ALL SELECT 'combined-authority-area', DATE '2020-12-01', DATE '2020-04-01',
    cauth20_code, cauth20_name, ltla20_code, _source FROM cauth20
  UNION ALL SELECT 'combined-authority-area', DATE '2021-12-01', DATE '2021-04-01',
    cauth21_code, cauth21_name, ltla21_code, _source FROM cauth21
  UNION ALL SELECT 'combined-authority-area', DATE '2023-04-01', DATE '2023-04-01',
    cauth23_code, cauth23_name, ltla23_code, _source FROM cauth23
  UNION ALL SELECT 'combined-authority-area', DATE '2025-05-01', DATE '2025-04-01',
    CAUTH25CD, CAUTH25NM, LAD25CD, _source FROM cauth25
  UNION ALL SELECT 'county-area', DATE '2017-12-01', DATE '2017-04-01',
    UTLA17CD, UTLA17NM, LTLA17CD, _source FROM utla17
  UNION ALL SELECT 'county-area', DATE '2018-12-01', DATE '2018-04-01',
    UTLA18CD, UTLA18NM, LTLA18CD, _source FROM utla18
  UNION ALL SELECT 'county-area', DATE '2019-04-01', DATE '2019-04-01',
    UTLA19CD, UTLA19NM, LTLA19CD, _source FROM utla19
  UNION ALL SELECT 'county-area', DATE '2021-04-01', DATE '2021-04-01',
    utla21_code, utla21_name, ltla21_code, _source FROM utla21
  UNION ALL SELECT 'county-area', DATE '2023-04-01', DATE '2023-04-01',
    utla23_code, utla23_name, ltla23_code, _source FROM utla23
  UNION ALL SELECT 'skills-area', DATE '2023-01-01', DATE '2023-04-01',
    lsip_code, lsip_name, lad_code, _source FROM lsip_members
    WHERE first_available_year_included <= 2023
  UNION ALL SELECT 'skills-area', DATE '2025-01-01', DATE '2025-04-01',
    lsip_code, lsip_name, lad_code, _source FROM lsip_members
    WHERE most_recent_year_included >= 2025)
SELECT * FROM stated
WHERE code LIKE 'E%' AND (kind <> 'county-area' OR code LIKE 'E10%');

-- A community safety partnership may keep the area of a district that was abolished. Where several
-- share a district of today, each has the small areas that it had in 2019.
CREATE TABLE old_safety_areas AS
SELECT DISTINCT csp24_code AS code, lsoa11_lsoa21.lsoa21_code AS small
FROM csp24
  JOIN csp19 ON CSP19CD = csp24_code
  JOIN districts ON districts.vintage = DATE '2019-04-01' AND districts.code = LAD19CD
  JOIN lsoa11_lsoa21 ON lsoa11_code = small
  JOIN ltla24 ON ltla24.lsoa21_code = lsoa11_lsoa21.lsoa21_code
    AND ltla24.ltla24_code = csp24.ltla24_code
WHERE csp24.ltla24_code IN (SELECT ltla24_code FROM csp24 GROUP BY ALL HAVING count(*) > 1);

CREATE TABLE layers AS
SELECT 'council-area' AS kind, vintage, vintage AS drawn, system, code, small FROM districts
UNION ALL
SELECT kind, by_district.vintage, drawn, system, by_district.code, small
FROM by_district JOIN districts
  ON districts.vintage = drawn AND districts.code = district
WHERE NOT (kind = 'community-safety-area' AND by_district.vintage = DATE '2024-04-01'
  AND by_district.code IN (SELECT code FROM old_safety_areas))
UNION ALL
SELECT 'community-safety-area', DATE '2024-04-01', DATE '2024-04-01', 'lsoa-2021', code, small
FROM old_safety_areas
UNION ALL SELECT 'commissioning-area', DATE '2015-04-01', DATE '2015-04-01', 'lsoa-2011',
  CCG15CD, LSOA11CD FROM ccg15
UNION ALL SELECT 'commissioning-area', DATE '2016-04-01', DATE '2016-04-01', 'lsoa-2011',
  CCG16CD, LSOA11CD FROM ccg16
UNION ALL SELECT 'commissioning-area', DATE '2017-04-01', DATE '2017-04-01', 'lsoa-2011',
  CCG17CD, LSOA11CD FROM ccg17
UNION ALL SELECT 'commissioning-area', DATE '2018-04-01', DATE '2018-04-01', 'lsoa-2011',
  CCG18CD, LSOA11CD FROM ccg18
UNION ALL SELECT 'commissioning-area', DATE '2019-04-01', DATE '2019-04-01', 'lsoa-2011',
  CCG19CD, LSOA11CD FROM ccg19
UNION ALL SELECT 'commissioning-area', DATE '2020-04-01', DATE '2020-04-01', 'lsoa-2011',
  CCG20CD, LSOA11CD FROM ccg20
UNION ALL SELECT 'commissioning-area', DATE '2021-04-01', DATE '2021-04-01', 'lsoa-2011',
  ccg21_code, lsoa11_code FROM ccg21
UNION ALL SELECT 'commissioning-area', DATE '2022-07-01', DATE '2022-04-01', 'lsoa-2011',
  sicbl22_code, lsoa11_code FROM icb22
UNION ALL SELECT 'commissioning-area', DATE '2024-04-01', DATE '2024-04-01', 'lsoa-2021',
  sicbl24_code, lsoa21_code FROM icb24
UNION ALL SELECT 'care-area', DATE '2017-04-01', DATE '2017-04-01', 'lsoa-2011',
  STP17CD, LSOA11CD FROM ccg17
UNION ALL SELECT 'care-area', DATE '2018-04-01', DATE '2018-04-01', 'lsoa-2011',
  STP18CD, LSOA11CD FROM ccg18
UNION ALL SELECT 'care-area', DATE '2019-04-01', DATE '2019-04-01', 'lsoa-2011',
  STP19CD, LSOA11CD FROM ccg19 JOIN stp19 USING (CCG19CD)
UNION ALL SELECT 'care-area', DATE '2020-04-01', DATE '2020-04-01', 'lsoa-2011',
  STP20CD, LSOA11CD FROM ccg20 JOIN stp20 USING (CCG20CD)
UNION ALL SELECT 'care-area', DATE '2021-04-01', DATE '2021-04-01', 'lsoa-2011',
  stp21_code, lsoa11_code FROM ccg21
UNION ALL SELECT 'care-area', DATE '2022-07-01', DATE '2022-04-01', 'lsoa-2011',
  icb22_code, lsoa11_code FROM icb22
UNION ALL SELECT 'care-area', DATE '2024-04-01', DATE '2024-04-01', 'lsoa-2021',
  icb24_code, lsoa21_code FROM icb24
UNION ALL SELECT 'cancer-area', DATE '2017-04-01', DATE '2017-04-01', 'lsoa-2011',
  CALNCV17CD, LSOA11CD FROM ccg17 JOIN cancer17 USING (CCG17CD)
UNION ALL SELECT 'cancer-area', DATE '2018-04-01', DATE '2018-04-01', 'lsoa-2011',
  CALNCV18CD, LSOA11CD FROM ccg18 JOIN cancer18 USING (CCG18CD)
UNION ALL SELECT 'cancer-area', DATE '2019-07-01', DATE '2019-04-01', 'lsoa-2011',
  CAL19CD, LSOA11CD FROM ccg19 JOIN cancer19 USING (CCG19CD)
-- An area that is redrawn gets a new code: one that has its code in 2020 is what it was.
UNION ALL SELECT 'cancer-area', DATE '2020-04-01', DATE '2019-04-01', 'lsoa-2011',
  CAL19CD, LSOA11CD FROM ccg19 JOIN cancer19 USING (CCG19CD) JOIN cancer20 ON CAL20CD = CAL19CD
UNION ALL SELECT DISTINCT 'enterprise-area', DATE '2014-12-01', DATE '2015-04-01', 'lsoa-2011',
  unnest([LEP14CD1, LEP14CD2]) AS code, LSOA11CD FROM lep14
UNION ALL SELECT DISTINCT 'enterprise-area', DATE '2017-04-01', DATE '2017-04-01', 'lsoa-2011',
  unnest([LEP17CD1, LEP17CD2]) AS code, LSOA11CD FROM lep17;
DELETE FROM layers WHERE code IS NULL;

-- Areas that were last told on the small areas of 2011 go on with those of 2021 that took their
-- place.
INSERT INTO layers
SELECT DISTINCT kind, DATE '2024-04-01', DATE '2024-04-01', 'lsoa-2021', code, lsoa21_code
FROM layers JOIN lsoa11_lsoa21 ON lsoa11_code = small JOIN people21 USING (lsoa21_code)
WHERE (kind, vintage) IN (
    ('resilience-area', DATE '2019-12-01'), ('enterprise-area', DATE '2017-04-01'))
  AND code NOT IN (
    SELECT local_enterprise_partnership_code FROM leps GROUP BY ALL
    HAVING bool_and(status = 'terminated'));

-- EXTENTS: what an area takes in, for as long as that stays the same.

CREATE TABLE vintages AS
SELECT kind, vintage, row_number() OVER (PARTITION BY kind ORDER BY vintage) AS nth,
  lead(vintage) OVER (PARTITION BY kind ORDER BY vintage) AS next
FROM (SELECT DISTINCT kind, vintage FROM layers);

CREATE TABLE versions AS
SELECT kind, code, vintage, drawn, system,
  md5(string_agg(DISTINCT small, ',' ORDER BY small)) AS made
FROM layers GROUP BY ALL;

CREATE TABLE extents AS
WITH runs AS (
  SELECT versions.*, nth, next,
    nth - row_number() OVER (PARTITION BY kind, code, made, system ORDER BY nth) AS run
  FROM versions JOIN vintages USING (kind, vintage))
SELECT kind, code, system, made, run, min(vintage) AS since, min_by(drawn, vintage) AS drawn,
  max(vintage) AS until, arg_max_null(next, vintage) AS ended,
  id_iri('extent', code || '/' || min(vintage)) AS iri
FROM runs GROUP BY kind, code, system, made, run;

CREATE TABLE extent_parts AS
SELECT DISTINCT extents.iri, extents.kind, extents.drawn, layers.small, layers.system
FROM extents JOIN layers
  ON layers.kind = extents.kind AND layers.code = extents.code AND layers.vintage = since;

CREATE TABLE district_versions AS
SELECT iri, extents.code, districts.vintage, districts.system, count(*) AS size
FROM extents JOIN districts
  ON districts.code = extents.code AND districts.system = extents.system
    AND vintage BETWEEN since AND until
WHERE kind = 'council-area' GROUP BY ALL;

-- An extent is made of whole districts, and of small areas where it takes in a part of one.
CREATE TABLE whole_districts AS
SELECT extent_parts.iri, district_versions.iri AS district, district_versions.code, extent_parts.drawn
FROM extent_parts
  JOIN districts ON districts.vintage = extent_parts.drawn
    AND districts.system = extent_parts.system AND districts.small = extent_parts.small
  JOIN district_versions ON district_versions.vintage = extent_parts.drawn
    AND district_versions.code = districts.code AND district_versions.system = districts.system
WHERE kind <> 'council-area'
GROUP BY ALL HAVING count(*) = any_value(size);

CREATE VIEW made_of AS
SELECT iri, district AS part FROM whole_districts
UNION ALL
SELECT extent_parts.iri, small_iri(extent_parts.system, extent_parts.small) FROM extent_parts
WHERE NOT EXISTS (
  FROM whole_districts JOIN districts
    ON districts.vintage = whole_districts.drawn AND districts.code = whole_districts.code
  WHERE whole_districts.iri = extent_parts.iri AND districts.small = extent_parts.small);

CREATE VIEW small_areas AS
SELECT small_iri(system, small) AS iri, set_iri(system) AS system, n, min(_source) AS _source
FROM people JOIN (SELECT DISTINCT system, small FROM extent_parts) USING (system, small)
GROUP BY ALL;

CREATE VIEW extent_facts AS
SELECT extents.iri, area_iri(code) AS area, set_iri(extents.system) AS system, since, ended,
  sum(n) AS people
FROM extents JOIN extent_parts USING (iri)
  JOIN people ON people.small = extent_parts.small AND people.system = extent_parts.system
GROUP BY ALL;

-- AREAS: an area begins and ends with its code, as far as the vintages tell.
CREATE TABLE areas AS
WITH spans AS (
  SELECT kind, code, min(since) AS first, arg_max_null(ended, since) AS ended FROM extents GROUP BY ALL)
SELECT spans.kind, code, area_iri(code) AS iri, ended,
  CASE WHEN first > (SELECT min(vintage) FROM vintages WHERE vintages.kind = spans.kind) THEN first
    END AS started,
  CASE spans.kind WHEN 'commissioning-area' THEN 'health-district' ELSE spans.kind END AS sort
FROM spans;

CREATE TABLE names AS
SELECT code, max_by(label, vintage) AS label, max_by(_source, vintage) AS _source FROM (
  SELECT code, label, vintage, _source FROM by_district
  UNION ALL SELECT CCG15CD, CCG15NM, DATE '2015-04-01', _source FROM ccg15
  UNION ALL SELECT CCG16CD, CCG16NM, DATE '2016-04-01', _source FROM ccg16
  UNION ALL SELECT CCG17CD, CCG17NM, DATE '2017-04-01', _source FROM ccg17
  UNION ALL SELECT CCG18CD, CCG18NM, DATE '2018-04-01', _source FROM ccg18
  UNION ALL SELECT CCG19CD, CCG19NM, DATE '2019-04-01', _source FROM ccg19
  UNION ALL SELECT CCG20CD, CCG20NM, DATE '2020-04-01', _source FROM ccg20
  UNION ALL SELECT ccg21_code, ccg21_name, DATE '2021-04-01', _source FROM ccg21
  UNION ALL SELECT STP17CD, STP17NM, DATE '2017-04-01', _source FROM ccg17
  UNION ALL SELECT STP18CD, STP18NM, DATE '2018-04-01', _source FROM ccg18
  UNION ALL SELECT STP19CD, STP19NM, DATE '2019-04-01', _source FROM stp19
  UNION ALL SELECT STP20CD, STP20NM, DATE '2020-04-01', _source FROM stp20
  UNION ALL SELECT stp21_code, stp21_name, DATE '2021-04-01', _source FROM ccg21
  UNION ALL SELECT sicbl22_code, sicbl22_name, DATE '2022-07-01', _source FROM icb22
  UNION ALL SELECT icb22_code, icb22_name, DATE '2022-07-01', _source FROM icb22
  UNION ALL SELECT sicbl24_code, sicbl24_name, DATE '2024-04-01', _source FROM icb24
  UNION ALL SELECT icb24_code, icb24_name, DATE '2024-04-01', _source FROM icb24
  UNION ALL SELECT CALNCV17CD, CALNCV17NM, DATE '2017-04-01', _source FROM cancer17
  UNION ALL SELECT CALNCV18CD, CALNCV18NM, DATE '2018-04-01', _source FROM cancer18
  UNION ALL SELECT CAL19CD, CAL19NM, DATE '2019-07-01', _source FROM cancer19
  UNION ALL SELECT CAL20CD, CAL20NM, DATE '2020-04-01', _source FROM cancer20
  UNION ALL SELECT LEP14CD1, LEP14NM1, DATE '2014-12-01', _source FROM lep14
  UNION ALL SELECT LEP14CD2, LEP14NM2, DATE '2014-12-01', _source FROM lep14
  UNION ALL SELECT LEP17CD1, LEP17NM1, DATE '2017-04-01', _source FROM lep17
  UNION ALL SELECT LEP17CD2, LEP17NM2, DATE '2017-04-01', _source FROM lep17
  UNION ALL SELECT "gss-code", "nice-name", DATE '2025-04-01', _source FROM councils
  UNION ALL SELECT recoded.code, "nice-name", since, recoded._source
    FROM recoded JOIN councils ON "gss-code" = former)
WHERE code IS NOT NULL GROUP BY code;

CREATE VIEW named_areas AS
SELECT areas.*, names.label, names._source FROM areas LEFT JOIN names USING (code);

-- ORGANISATIONS

CREATE TABLE english_councils AS
SELECT *, id_iri('council', "local-authority-code") AS iri FROM councils
WHERE nation = 'England' AND "local-authority-type" NOT IN ('COMB');

CREATE TABLE council_areas AS
SELECT iri, "gss-code" AS code, _source FROM english_councils WHERE "gss-code" IS NOT NULL
UNION SELECT iri, recoded.code, recoded._source
FROM english_councils JOIN recoded ON "gss-code" = former;

CREATE VIEW council_facts AS
SELECT iri, "official-name" AS label, "gss-code" AS code, "start-date" AS started,
  "end-date" AS ended, _source,
  CASE WHEN "local-authority-type" IN ('CTY') THEN 'county'
    WHEN "local-authority-type" = 'SRA' THEN 'regional' ELSE 'local' END AS tier
FROM english_councils;

CREATE VIEW council_successions AS
SELECT iri AS former, id_iri('council', trim(heir)) AS heir, _source,
  "replaced-by" NOT LIKE '%,%' AS whole
FROM (SELECT *, unnest(string_split("replaced-by", ',')) AS heir FROM english_councils);

CREATE TABLE services AS
SELECT CASE areas.kind WHEN 'police-area' THEN id_iri('police', code) ELSE id_iri('fire', code) END AS iri,
  label || CASE areas.kind WHEN 'police-area' THEN ' police force'
    ELSE ' fire and rescue authority' END AS label,
  CASE areas.kind WHEN 'police-area' THEN 'police-force' ELSE 'fire-authority' END AS sort,
  areas.kind, code, areas.iri AS area, started, ended, _source
FROM areas LEFT JOIN names USING (code) WHERE areas.kind IN ('police-area', 'fire-area');

-- Clinical commissioning groups kept their area's code when they became parts of integrated care
-- boards in July 2022.
CREATE TABLE groups AS
WITH told AS (
  SELECT CCG15CD AS code, CCG15CDH AS ods, CCG15NM AS label, DATE '2015-04-01' AS vintage, _source FROM ccg15
  UNION ALL SELECT CCG16CD, CCG16CDH, CCG16NM, DATE '2016-04-01', _source FROM ccg16
  UNION ALL SELECT CCG17CD, CCG17CDH, CCG17NM, DATE '2017-04-01', _source FROM ccg17
  UNION ALL SELECT CCG18CD, CCG18CDH, CCG18NM, DATE '2018-04-01', _source FROM ccg18
  UNION ALL SELECT CCG19CD, CCG19CDH, CCG19NM, DATE '2019-04-01', _source FROM ccg19
  UNION ALL SELECT CCG20CD, CCG20CDH, CCG20NM, DATE '2020-04-01', _source FROM ccg20
  UNION ALL SELECT ccg21_code, sicbl22_code_h, ccg21_name, DATE '2021-04-01', ccg21._source
    FROM ccg21 LEFT JOIN icb22 ON sicbl22_code = ccg21_code AND icb22.lsoa11_code = ccg21.lsoa11_code)
SELECT code, max_by(coalesce(ods, code), vintage) AS ods, max_by(label, vintage) AS label,
  CASE WHEN min(vintage) > DATE '2015-04-01' THEN min(vintage) END AS started,
  max(vintage) AS last,
  coalesce((SELECT min(v.vintage) FROM vintages v WHERE v.kind = 'commissioning-area'
    AND v.vintage > max(told.vintage)), DATE '2022-07-01') AS ended,
  min_by(_source, (-epoch(vintage), _source)) AS _source
FROM told GROUP BY code;

CREATE TABLE group_facts AS
SELECT id_iri('nhs', ods) AS iri, * FROM groups;

CREATE TABLE boards AS
SELECT id_iri('nhs', ods) AS iri, ods, code, label, min(_source) AS _source FROM (
  SELECT icb22_code_h AS ods, icb22_code AS code, icb22_name AS label, _source FROM icb22
  UNION ALL SELECT icb24_code_nhs, icb24_code, icb24_name, _source FROM icb24)
GROUP BY ALL;

CREATE VIEW board_facts AS
SELECT iri, max_by(label, code) AS label, DATE '2022-07-01' AS started, min(_source) AS _source
FROM boards GROUP BY iri;

CREATE TABLE board_places AS
SELECT id_iri('sub-icb', ods) AS iri, ods, code, label, id_iri('nhs', board) AS board,
  min(_source) AS _source
FROM (
  SELECT sicbl22_code_h AS ods, sicbl22_code AS code, sicbl22_name AS label,
    icb22_code_h AS board, _source FROM icb22
  UNION ALL SELECT sicbl24_code_nhs, sicbl24_code, sicbl24_name, icb24_code_nhs, _source FROM icb24)
GROUP BY ALL;

CREATE VIEW trust_facts AS
SELECT id_iri('nhs', nhs_trust22_code) AS iri, nhs_trust22_name AS label, _source FROM trusts;

-- PEOPLE IN COMMON of ventures and of those who must be their members, by the law. Less than one in
-- a hundred of either is taken for an artefact.
CREATE TABLE counted AS
SELECT iri, kind, code, since, coalesce(ended, DATE '9999-01-01') AS ended, extents.system,
  sum(n) AS people
FROM extents JOIN extent_parts USING (iri, kind) JOIN people
  ON people.small = extent_parts.small AND people.system = extent_parts.system
GROUP BY ALL;

CREATE TABLE shared AS
WITH small AS (SELECT iri, small, system FROM extent_parts)
SELECT a.kind, a.code, b.kind AS other_kind, b.code AS other,
  greatest(a.since, b.since) AS since, least(a.ended, b.ended) AS ended, sum(people.n) AS people
FROM counted a JOIN small sa ON sa.iri = a.iri
  JOIN small sb ON sb.small = sa.small AND sb.system = sa.system
  JOIN counted b ON b.iri = sb.iri
  JOIN people ON people.small = sa.small AND people.system = sa.system
WHERE (a.kind, b.kind) IN (
    ('community-safety-area', 'fire-area'), ('community-safety-area', 'commissioning-area'),
    ('community-safety-area', 'care-area'), ('resilience-area', 'police-area'),
    ('resilience-area', 'fire-area'), ('resilience-area', 'care-area'),
    ('care-area', 'council-area'), ('care-area', 'county-area'),
    ('enterprise-area', 'council-area'), ('commissioning-area', 'commissioning-area'),
    ('commissioning-area', 'care-area'))
  AND ((a.since < b.ended AND b.since < a.ended) OR a.ended = b.since)
  AND a.code <> b.code
GROUP BY ALL
HAVING sum(people.n) >= 0.01 * least(any_value(a.people), any_value(b.people));

-- VENTURES

CREATE TABLE ventures AS
SELECT CASE areas.kind WHEN 'community-safety-area' THEN id_iri('community-safety', code)
    WHEN 'resilience-area' THEN id_iri('resilience', code)
    WHEN 'enterprise-area' THEN id_iri('enterprise', code)
    WHEN 'skills-area' THEN id_iri('skills', code)
    WHEN 'combined-authority-area' THEN id_iri('combined-authority', code)
    WHEN 'cancer-area' THEN id_iri('cancer-alliance', code)
    WHEN 'care-area' THEN id_iri('care', code) END AS iri,
  CASE areas.kind WHEN 'community-safety-area' THEN label || ' community safety partnership'
    WHEN 'resilience-area' THEN label || ' local resilience forum'
    WHEN 'enterprise-area' THEN label || ' local enterprise partnership'
    WHEN 'skills-area' THEN trim(label) || ' local skills improvement plan'
    WHEN 'combined-authority-area' THEN label || ' combined authority'
    WHEN 'cancer-area' THEN CASE WHEN label LIKE 'National Cancer Vanguard: %'
      THEN label ELSE label || ' cancer alliance' END
    WHEN 'care-area' THEN label || ' (partnership for health and care)' END AS label,
  replace(areas.kind, '-area', '') AS theme, areas.kind, code, areas.iri AS area,
  coalesce(CASE WHEN areas.kind = 'combined-authority-area' THEN
    (SELECT max(date_of_introduction) FROM devolved WHERE english_devolved_area_code = code
      AND date_of_introduction > DATE '2016-12-31') END, started) AS started,
  coalesce(
    CASE WHEN areas.kind = 'skills-area' THEN (SELECT max(date_of_termination) FROM lsips
      WHERE lsip_code = code HAVING bool_and(status = 'terminated')) END,
    CASE WHEN areas.kind = 'enterprise-area' THEN (SELECT max(date_of_termination) FROM leps
      WHERE local_enterprise_partnership_code = code HAVING bool_and(status = 'terminated')) END,
    CASE WHEN areas.kind <> 'enterprise-area' THEN ended END) AS ended,
  _source
FROM areas LEFT JOIN names USING (code)
WHERE areas.kind IN ('community-safety-area', 'resilience-area', 'enterprise-area', 'skills-area',
  'combined-authority-area', 'cancer-area', 'care-area');

-- Partnerships of whose area nothing is told.
INSERT INTO ventures BY NAME
SELECT id_iri('enterprise', local_enterprise_partnership_code) AS iri,
  any_value(local_enterprise_partnership_name) || ' local enterprise partnership' AS label,
  'enterprise' AS theme, 'enterprise-area' AS kind, local_enterprise_partnership_code AS code,
  min(date_of_introduction) AS started,
  CASE WHEN bool_and(status = 'terminated') THEN max(date_of_termination) END AS ended,
  min(_source) AS _source
FROM leps WHERE local_enterprise_partnership_code NOT IN (
  SELECT code FROM areas WHERE kind = 'enterprise-area')
GROUP BY local_enterprise_partnership_code;

INSERT INTO ventures BY NAME
SELECT id_iri('cancer-alliance', CAL20CD) AS iri, CAL20NM || ' cancer alliance' AS label,
  'cancer' AS theme, 'cancer-area' AS kind, CAL20CD AS code, DATE '2020-04-01' AS started, _source
FROM cancer20 WHERE CAL20CD NOT IN (SELECT code FROM areas WHERE kind = 'cancer-area');

CREATE VIEW duties AS
SELECT iri, CASE kind WHEN 'community-safety-area' THEN 'crime-and-disorder-act-1998'
    WHEN 'resilience-area' THEN 'civil-contingencies-act-2004' END AS act, _source
FROM ventures WHERE kind IN ('community-safety-area', 'resilience-area');

-- MEMBERSHIPS, each for as long as the vintages tell of it.

CREATE TABLE stated_members AS
WITH told AS (
  SELECT by_district.kind, by_district.code, vintage, council_areas.iri AS member, nth, next,
    by_district._source
  FROM by_district JOIN council_areas ON council_areas.code = district
    JOIN vintages USING (kind, vintage)
  WHERE by_district.kind IN ('community-safety-area', 'resilience-area', 'skills-area',
    'combined-authority-area')
  UNION ALL
  SELECT 'community-safety-area', c.code, c.vintage, services.iri, nth, next, c._source
  FROM by_district c
    JOIN by_district p ON p.kind = 'police-area' AND p.vintage = c.vintage AND p.district = c.district
    JOIN services ON services.code = p.code
    JOIN vintages ON vintages.kind = c.kind AND vintages.vintage = c.vintage
  WHERE c.kind = 'community-safety-area')
SELECT kind, code, member,
  CASE WHEN min(nth) > 1 THEN min(vintage) END AS started,
  arg_max_null(next, vintage) AS ended, max_by(_source, vintage) AS _source
FROM told GROUP BY kind, code, member;

CREATE TABLE care_members AS
WITH told AS (
  SELECT STP17CD AS code, CCG17CD AS member, DATE '2017-04-01' AS vintage, _source FROM ccg17
  UNION ALL SELECT STP18CD, CCG18CD, DATE '2018-04-01', _source FROM ccg18
  UNION ALL SELECT STP19CD, CCG19CD, DATE '2019-04-01', _source FROM stp19
  UNION ALL SELECT STP20CD, CCG20CD, DATE '2020-04-01', _source FROM stp20
  UNION ALL SELECT stp21_code, ccg21_code, DATE '2021-04-01', _source FROM ccg21)
SELECT told.code, group_facts.iri AS member,
  CASE WHEN min(vintage) > DATE '2017-04-01' THEN min(vintage) END AS started,
  coalesce(arg_max_null(next, vintage), DATE '2022-07-01') AS ended, min(told._source) AS _source
FROM told JOIN group_facts ON group_facts.code = told.member
  JOIN vintages USING (vintage)
WHERE vintages.kind = 'care-area'
GROUP BY told.code, group_facts.iri
UNION ALL SELECT code, iri, DATE '2022-07-01', NULL, _source FROM boards
UNION ALL SELECT stp21_code, id_iri('nhs', nhs_trust22_code), NULL, NULL, _source FROM trust_stp;

-- Where the area of a partnership was redrawn in 2022, nothing tells of which one its trusts are
-- members now: it is that from which most of their patients come, as far as that is known.
CREATE VIEW trust_members AS
SELECT arg_max(icb22_code, proportion_trust_came_from_icb) AS code,
  id_iri('nhs', nhs_trust22_code) AS member, arg_max(trust_icb._source, proportion_trust_came_from_icb) AS _source
FROM trust_icb JOIN trust_stp USING (nhs_trust22_code)
WHERE stp21_code NOT IN (SELECT icb22_code FROM icb22)
GROUP BY nhs_trust22_code;

-- Of 2020 only the alliances are told, and not their members, who are those of 2019 until more is known.
CREATE VIEW cancer_members AS
WITH told AS (
  SELECT CALNCV17CD AS code, CCG17CD AS member, DATE '2017-04-01' AS vintage, _source FROM cancer17
  UNION ALL SELECT CALNCV18CD, CCG18CD, DATE '2018-04-01', _source FROM cancer18
  UNION ALL SELECT CAL19CD, CCG19CD, DATE '2019-07-01', _source FROM cancer19)
SELECT told.code, group_facts.iri AS member,
  CASE WHEN min(vintage) > DATE '2017-04-01' THEN min(vintage) END AS started,
  CASE WHEN max(vintage) < DATE '2019-07-01' THEN arg_max(next, vintage)
    ELSE any_value(areas.ended) END AS ended,
  max_by(told._source, vintage) AS _source
FROM told JOIN group_facts ON group_facts.code = told.member
  JOIN vintages USING (vintage) JOIN areas ON areas.kind = vintages.kind AND areas.code = told.code
WHERE vintages.kind = 'cancer-area'
GROUP BY told.code, group_facts.iri;

CREATE TABLE lawful_members AS
WITH told AS (
  SELECT shared.kind, shared.code, services.iri AS member, shared.since, shared.ended
  FROM shared JOIN services ON services.kind = other_kind AND services.code = other
  WHERE shared.kind IN ('community-safety-area', 'resilience-area')
  UNION ALL
  SELECT shared.kind, shared.code, iri, shared.since, least(shared.ended, group_facts.ended)
  FROM shared JOIN group_facts ON other_kind = 'commissioning-area' AND group_facts.code = other
  WHERE shared.kind = 'community-safety-area' AND shared.since < group_facts.ended
  UNION ALL
  SELECT shared.kind, shared.code, iri, greatest(shared.since, DATE '2022-07-01'), shared.ended
  FROM shared JOIN boards ON other_kind = 'care-area' AND boards.code = other
  WHERE shared.kind IN ('community-safety-area', 'resilience-area')
    AND shared.ended > DATE '2022-07-01'
  UNION ALL
  SELECT shared.kind, shared.code, english_councils.iri,
    greatest(shared.since, DATE '2022-07-01'), shared.ended
  FROM shared JOIN council_areas ON council_areas.code = other
    JOIN english_councils USING (iri)
  WHERE shared.kind = 'care-area' AND shared.ended > DATE '2022-07-01'
    AND other_kind IN ('council-area', 'county-area')
    AND "local-authority-type" IN ('CTY', 'UA', 'MD', 'LBO', 'CC')
  UNION ALL
  SELECT shared.kind, shared.code, iri, shared.since, shared.ended
  FROM shared JOIN council_areas ON council_areas.code = other
  WHERE shared.kind = 'enterprise-area' AND other_kind = 'council-area')
SELECT kind, code, member,
  CASE WHEN min(since) > (SELECT min(vintage) FROM vintages WHERE vintages.kind = told.kind)
    THEN min(since) END AS started,
  CASE WHEN max(ended) < DATE '9999-01-01' THEN max(ended) END AS ended
FROM told
ANTI JOIN stated_members
  ON stated_members.kind = told.kind AND stated_members.code = told.code
    AND stated_members.member = told.member
GROUP BY kind, code, member;

CREATE VIEW memberships AS
SELECT ventures.iri AS venture, member, s.started, s.ended, s._source, NULL AS certainty,
  replace(ventures.iri, '/id/', '/id/membership/') || '/' || regexp_replace(member, '.*/id/', '') AS iri
FROM stated_members s JOIN ventures USING (kind, code)
UNION ALL
SELECT ventures.iri, member, m.started, m.ended, m._source, NULL,
  replace(ventures.iri, '/id/', '/id/membership/') || '/' || regexp_replace(member, '.*/id/', '')
FROM care_members m JOIN ventures ON ventures.kind = 'care-area' AND ventures.code = m.code
UNION ALL
SELECT ventures.iri, member, DATE '2022-07-01', NULL, m._source, 'derived',
  replace(ventures.iri, '/id/', '/id/membership/') || '/' || regexp_replace(member, '.*/id/', '')
FROM trust_members m JOIN ventures ON ventures.kind = 'care-area' AND ventures.code = m.code
UNION ALL
SELECT ventures.iri, member, m.started, m.ended, m._source, NULL,
  replace(ventures.iri, '/id/', '/id/membership/') || '/' || regexp_replace(member, '.*/id/', '')
FROM cancer_members m JOIN ventures ON ventures.kind = 'cancer-area' AND ventures.code = m.code
UNION ALL
SELECT ventures.iri, member, m.started, m.ended, ventures._source, 'derived',
  replace(ventures.iri, '/id/', '/id/membership/') || '/' || regexp_replace(member, '.*/id/', '')
FROM lawful_members m JOIN ventures USING (kind, code);

-- Who took over from a commissioning group: the groups that began, or the boards that came, as it
-- ended, and that have its people.
CREATE VIEW group_successions AS
SELECT DISTINCT old.iri AS former, new.iri AS heir, old._source
FROM group_facts old JOIN shared ON shared.kind = 'commissioning-area' AND shared.code = old.code
    AND other_kind = 'commissioning-area' AND shared.since = old.ended
  JOIN group_facts new ON new.code = other AND new.started = old.ended
UNION
SELECT DISTINCT old.iri, boards.iri, old._source
FROM group_facts old JOIN icb22 ON sicbl22_code = old.code JOIN boards ON boards.code = icb22_code
WHERE old.ended = DATE '2022-07-01';

-- PRIMARY CARE NETWORKS

CREATE TABLE networks AS
WITH told AS (
  SELECT *, DATE '2019-12-04' AS seen FROM pcn_2019_12
  UNION ALL SELECT *, DATE '2022-02-15' FROM pcn_2022_02
  UNION ALL SELECT *, DATE '2022-04-27' FROM pcn_2022_04
  UNION ALL SELECT *, DATE '2023-01-26' FROM pcn_2023_01
  UNION ALL SELECT *, DATE '2025-01-20' FROM pcn_2025_01)
SELECT * FROM told;

CREATE TABLE network_members AS
SELECT *, DATE '2019-12-04' AS seen FROM pcn_2019_12_members
UNION ALL SELECT *, DATE '2022-02-15' FROM pcn_2022_02_members
UNION ALL SELECT *, DATE '2022-04-27' FROM pcn_2022_04_members
UNION ALL SELECT *, DATE '2023-01-26' FROM pcn_2023_01_members
UNION ALL SELECT *, DATE '2025-01-20' FROM pcn_2025_01_members;

-- What is in one snapshot and gone from the next, without a day on which it ended, ended by then.
CREATE MACRO gone_after(last) AS (SELECT min(n.seen) FROM networks n WHERE n.seen > last);

CREATE VIEW network_facts AS
SELECT id_iri('primary-care-network', pcn_code) AS iri, max_by(pcn_name, seen) AS label,
  min(open) AS started, coalesce(arg_max_null(close, seen), gone_after(max(seen))) AS ended,
  max_by(_source, seen) AS _source
FROM networks GROUP BY pcn_code;

CREATE VIEW network_memberships AS
SELECT id_iri('primary-care-network', pcn_code) AS venture, id_iri('nhs', partner_code) AS member,
  id_iri('membership/primary-care-network', pcn_code || '/' || partner_code || '/' || start) AS iri,
  start AS started, coalesce(arg_max_null("end", seen), gone_after(max(seen))) AS ended, max_by(_source, seen) AS _source
FROM network_members GROUP BY pcn_code, partner_code, start;

CREATE TABLE postcode_of AS
SELECT coalesce(practice_code, PRACTICE_CODE_1) AS code,
  replace(coalesce(postcode, PRACTICE_POSTCODE), ' ', '') AS postcode
FROM practices FULL JOIN (SELECT PRACTICE_CODE AS PRACTICE_CODE_1, PRACTICE_POSTCODE FROM practice_map)
  ON practice_code = PRACTICE_CODE_1;

CREATE VIEW practice_facts AS
SELECT id_iri('nhs', partner_code) AS iri, max_by(partner_name, seen) AS label,
  any_value(area_iri(lad_code)) FILTER (lad_code LIKE 'E%') AS district,
  max_by(network_members._source, seen) AS _source
FROM network_members LEFT JOIN postcode_of ON postcode_of.code = partner_code
  LEFT JOIN postcodes USING (postcode)
GROUP BY partner_code;

-- COMMISSIONERS, as the snapshots tell them. One that is told in snapshot after snapshot held from the
-- first of them until the next in which it is not told; when it began is not known of the first
-- snapshot. What held over the same time is one fact, a graph of its own.
CREATE TABLE commissioned AS
WITH told AS (
  SELECT id_iri('primary-care-network', pcn_code) AS iri, parent_code AS ods, seen FROM networks
  UNION SELECT id_iri('nhs', partner_code), partner_parent_code, seen FROM network_members),
snapshots AS (
  SELECT seen, row_number() OVER (ORDER BY seen) AS nth, lead(seen) OVER (ORDER BY seen) AS next
  FROM (SELECT DISTINCT seen FROM networks)),
runs AS (
  SELECT iri, ods, seen, nth, next,
    nth - row_number() OVER (PARTITION BY iri, ods ORDER BY nth) AS run
  FROM told JOIN snapshots USING (seen)),
spans AS (
  SELECT iri, ods, min(seen) AS first, CASE WHEN min(nth) > 1 THEN min(seen) END AS started,
    arg_max_null(next, nth) AS ended
  FROM runs GROUP BY iri, ods, run)
SELECT iri, id_iri('nhs-commissioner', ods) AS commissioner, started, ended,
  register_iri() || '/commissioners/' || first || coalesce('/' || ended, '') AS fact
FROM spans;

CREATE VIEW commissioners AS
SELECT id_iri('nhs-commissioner', ods) AS iri, max_by(label, seen) AS label,
  max_by(_source, seen) AS _source
FROM (SELECT parent_code AS ods, parent_name AS label, seen, _source FROM networks
  UNION ALL SELECT partner_parent_code, partner_parent_name, seen, _source FROM network_members)
GROUP BY ods;

-- PLANNING AREAS: of districts, or parts of them. Nothing tells which parts, so no extent is given.
CREATE VIEW planning_areas AS
SELECT area_iri(LPA19CD) AS iri, LPA19NM AS label, min(_source) AS _source,
FROM planning WHERE LPA19CD LIKE 'E%' GROUP BY ALL;

-- One planning area for one district is coterminous with it. One that has but a part of one district
-- lies within it; where it has several districts whole, they lie within it; else they overlap.
CREATE VIEW planning_relations AS
WITH told AS (
  SELECT LPA19CD AS lpa, LAD19CD AS lad, min(_source) AS _source FROM planning
  WHERE LPA19CD LIKE 'E%' GROUP BY ALL),
degrees AS (
  SELECT *, count(*) OVER (PARTITION BY lpa) AS lads, count(*) OVER (PARTITION BY lad) AS lpas
  FROM told),
judged AS (
  SELECT *, max(lpas) OVER (PARTITION BY lpa) AS shared FROM degrees)
SELECT area_iri(CASE WHEN lads > 1 AND shared = 1 THEN lad ELSE lpa END) AS iri,
  area_iri(CASE WHEN lads > 1 AND shared = 1 THEN lpa ELSE lad END) AS other, _source,
  CASE WHEN lads = 1 AND lpas = 1 THEN 'coterminousWith'
    WHEN lads = 1 OR shared = 1 THEN 'within' ELSE 'overlaps' END AS relation
FROM judged;
