# The engine's own tests: no server needed.
find_package(GTest REQUIRED)
enable_testing()
include(GoogleTest)

file(GLOB unit_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/*.cpp)
if(unit_sources)
  add_executable(podyn_unit_tests ${unit_sources})
  target_link_libraries(podyn_unit_tests PRIVATE podyn_engine GTest::gtest_main)
  target_include_directories(podyn_unit_tests SYSTEM PRIVATE ${RAPIDJSON_INCLUDE_DIR})
  target_compile_definitions(podyn_unit_tests PRIVATE PODYN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  gtest_discover_tests(podyn_unit_tests DISCOVERY_TIMEOUT 60)
endif()
